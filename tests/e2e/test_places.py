"""Plans in files, other teams and a sweep without a way to the databases: through the real door."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.exit_codes import Exit
from reconciler.model.tags import AccountRegion, BirthTags
from tests.e2e.probes import has
from tests.support.aws_api import begun_now, pairs
from tests.support.company import Company

THEIRS = "Z0THEIRS/shop._deploy.example.net"


def volume(company: Company, suffix: str, ledger: str) -> str:
    """A disk that a dead release left: of ours, or of another team by another ledger."""
    birth = BirthTags(
        begun_now(suffix), ledger, AccountRegion("123456789012", "eu-west-1"), "v9", "me@here"
    )
    made = company.aws("ec2").create_volume(
        AvailabilityZone="eu-west-1a",
        Size=1,
        TagSpecifications=[{"ResourceType": "volume", "Tags": pairs(birth.of("volume"))}],
    )
    return str(made["VolumeId"])


def test_a_plan_is_carried_out_as_it_was_agreed_to(adopted: Company, tmp_path: Path) -> None:
    """That set and no other; edited it is refused; another team's things are never touched."""
    [live] = adopted.instances()
    ours = adopted.tags(live["InstanceId"])["deploy-ledger"]
    dead, theirs = volume(adopted, "aaaaa", ours), volume(adopted, "bbbbb", THEIRS)
    file = tmp_path / "plan.json"
    shown = adopted.ok("reconciler", "plan", "-o", str(file)).out
    has(shown, dead, "not ours    shop: 1 volume", "read all of 1 account, 1 region")
    document = json.loads(file.read_text())
    later = volume(adopted, "ccccc", ours)

    document["orders"][0]["delete"].append({"kind": "volume", "id": theirs, "deploy": "x"})
    (tmp_path / "edited.json").write_text(json.dumps(document))
    (tmp_path / "none.json").write_text("plan")
    for name, words in (("edited", "changed since it was made"), ("none", "not JSON")):
        refused = adopted.reconciler("sweep", "--plan", str(tmp_path / f"{name}.json"))
        assert refused.code == Exit.USAGE, refused
        has(refused.err, words, "reconciler plan -o FILE")

    adopted.ok("reconciler", "sweep", "--plan", str(file))
    volumes = adopted.resources()["volume"]
    assert dead not in volumes
    assert {later, theirs} <= volumes
    again = adopted.ok("reconciler", "sweep", "--plan", str(file)).out
    has(again, f"Left out: volume {dead}: gone already")

    config = adopted.service_file().parent.parent / "reconciler.toml"
    config.write_text(f"{config.read_text()}\n[reach]\nmachines = false\ndatabases = false\n")
    far = adopted.ok("reconciler", "sweep").out
    has(far, "1 left out", "reach.databases = false", "reconciler sweep --service shop")
    volumes = adopted.resources()["volume"]
    assert later not in volumes
    assert theirs in volumes
    assert theirs not in adopted.ok("reconciler", "report").out
