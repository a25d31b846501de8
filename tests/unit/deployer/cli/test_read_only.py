"""The commands that look, and adopt with its question, through the real sandbox."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

from deployer.cli.main import cli as deployer_cli
from deployer.sandbox.control.client import Sandbox
from deployer.wiring import wired
from reconciler.cli.main import cli as reconciler_cli
from reconciler.cli.shared import ended
from reconciler.config import loader
from reconciler.cost import price_cache, shipped
from reconciler.cost.grouping import KEYS
from reconciler.cost.price_list import Prices
from reconciler.exit_codes import Exit
from reconciler.util import line_writer
from tests.bench.paths import PATHS
from tests.support.held_calls import PATIENCE, HeldCalls, stages_of

BIN = Path(sys.executable).parent
GROUPS = {"deployer": deployer_cli, "reconciler": reconciler_cli}


class Person:
    """Somebody with a shell, and with no home to write to."""

    def __init__(self, sandbox: Sandbox, home: Path, capture: pytest.CaptureFixture[str]) -> None:
        home.mkdir()
        home.chmod(0o500)
        self.env = sandbox.process_environment() | {"HOME": str(home), "NO_COLOR": "1"}
        self.capture = capture

    def types(self, line: str, code: int = 0) -> str:
        """What the command prints on stdout; its exit code must be `code`."""
        program, *words = line.split(" ")
        self.capture.readouterr()
        ended_with = ended(GROUPS[program], words)
        out, err = self.capture.readouterr()
        assert ended_with == code, f"{line}: {ended_with}\n{out}{err}"
        return out + (err if code else "")

    def asks(self, line: str) -> Mapping[str, Any]:
        """The one JSON object it answers."""
        answer: Mapping[str, Any] = json.loads(self.types(f"{line} --json"))
        return answer

    def answers(self, line: str, reply: str) -> tuple[int, str]:
        """The same at a terminal, with `reply` typed at the question."""
        program, *words = line.split(" ")
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [BIN / program, *words], env=self.env, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            os.write(ours, reply.encode() + b"\n")
            seen = _all(ours)
        os.close(ours)
        return process.returncode, seen


def _all(descriptor: int) -> str:
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks).decode()


@pytest.fixture
def person(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Person:
    """A person in front of a sandbox's first day, without a terminal but where one is said."""
    one = Person(sandbox, tmp_path / "home", capsys)
    for name in set(os.environ) - set(one.env):
        monkeypatch.delenv(name)
    for name, value in one.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return one


def test_the_first_day(person: Person) -> None:
    """Everything that looks works before anything is adopted, and says what to do."""
    assert "deployer adopt shop" in person.types("deployer status")
    assert person.types("deployer history shop") == "shop has no releases yet\n"
    assert "deployer adopt shop" in person.types("deployer plan shop", Exit.REFUSED)
    said = person.types("deployer doctor", Exit.REFUSED)
    assert "✗ shop     ledger" in said
    assert "Not ready: shop. In the way: ledger" in said
    assert "nothing to do" in person.types("reconciler plan")
    assert "deployer adopt shop" in person.types("deployer up shop", Exit.REFUSED)
    assert "deployer adopt shop" in person.types("deployer rollback shop", Exit.REFUSED)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("deployer status shop", 0),
        ("deployer plan shop", Exit.REFUSED),
        ("reconciler plan --verbose", 0),
        ("deployer history shop", 0),
    ],
)
def test_a_narrow_terminal_gets_narrow_lines(
    person: Person, monkeypatch: pytest.MonkeyPatch, line: str, code: int
) -> None:
    """The same words as a pipe gets, none cut, on lines of its width."""
    piped = person.types(line, code)
    widest = max(map(len, piped.splitlines())) - 1
    monkeypatch.setattr(line_writer, "terminal_width", lambda: widest)
    narrow = person.types(line, code)
    assert max(map(len, narrow.splitlines())) <= widest
    assert len(narrow.split()) == len(piped.split())


def test_adopt_asks_and_no_is_no(person: Person) -> None:
    """Only a yes adopts: not a no, not the return key, and not the lack of a terminal."""
    assert "--yes" in person.types("deployer adopt shop", Exit.USAGE)
    code, seen = person.answers("deployer adopt shop", "")
    assert code != 0
    assert "SHA256:" in seen
    assert "Adopt it as shop? [y/N]" in seen
    assert person.asks("deployer status shop")["services"][0]["generation"] == 0
    code, seen = person.answers("deployer adopt shop", "y")
    assert (code, "shop is under a ledger: shop/" in seen) == (0, True)
    assert "shop is under a ledger already" in person.types(
        "deployer adopt shop --yes --trust-shown-key"
    )


def test_a_wrong_fingerprint_is_not_adopted(person: Person) -> None:
    """Somebody else may be answering at that address."""
    seen = person.types("deployer adopt shop --yes --host-key SHA256:wrong", Exit.REFUSED)
    assert "not SHA256:wrong" in seen


def test_after_adoption(person: Person) -> None:
    """Each command that looks, in words and in JSON, on a clean service."""
    adopted = json.loads(
        person.types(
            "deployer adopt shop --yes --trust-shown-key --release v1.4.2 --json"
        ).splitlines()[-1]
    )
    machine = adopted["answer"]["instance"]
    status = person.asks("deployer status shop --exit-code")["services"][0]
    assert (status["clean"], status["deploys"][0]["release"]) == (True, "v1.4.2")
    assert "adopted      v1.4.2" in person.types("deployer history shop")
    assert "deployer up shop" in person.types("deployer plan shop --exit-code", Exit.TO_DO)
    assert "as i-" in json.dumps(person.asks("deployer plan shop")["values"])
    assert person.asks("deployer doctor")["ready"] == ["shop"]
    assert person.types("deployer doctor shop").endswith("\nReady: deployer up shop\n")
    assert "did you mean shop?" in person.types("deployer doctor shpo", Exit.USAGE)
    assert person.asks("reconciler plan --exit-code")["empty"] is True
    assert "adopted: no deploy created it" in person.types(f"reconciler explain {machine}")
    (row,) = csv.DictReader(io.StringIO(person.types("reconciler report --format csv")))
    assert (row["release"], row["state"]) == ("v1.4.2", "live")
    assert "Clean." in person.types("reconciler sweep")
    assert "nobody holds" in person.types("deployer abort shop --yes", Exit.REFUSED)


def test_status_is_four_calls_deep(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/benchmarks.md draws its path: the calls of a stage wait for none of the same stage.

    The database's address is asked for beside the zone, and what an adopted machine's volume costs
    beside the ledger: after it, either would be a fifth.
    """
    person.types("deployer adopt shop --yes --trust-shown-key")
    _tag_every_kind(person)
    stages = [[call.partition(":")[2] for call in one.calls] for one in PATHS["status"]]
    calls = HeldCalls(monkeypatch)
    followed = stages_of(calls, stages)
    assert "shop.example.test" in person.types("deployer status shop")
    followed.result(PATIENCE)
    assert calls.late == []
    assert len(stages) == 4


def _tag_every_kind(person: Person) -> None:
    """A disk, an interface, an image and its snapshot in the index, as a release leaves them.

    A second disk is not, as after an adoption.
    """
    (deploy,) = person.asks("deployer status shop")["services"][0]["deploys"]
    (machine,) = deploy["machines"]
    tags: Any = [{"Key": "deploy-id", "Value": deploy["id"]}]
    tags += [{"Key": "deploy-state", "Value": "live"}]
    ec2 = boto3.client("ec2", "eu-west-1")
    made: Any = [{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")]
    ec2.create_image(
        InstanceId=machine["id"], Name="one", NoReboot=True, TagSpecifications=made
    )  # its app goes on answering
    found = ec2.describe_instances(InstanceIds=[machine["id"]])["Reservations"][0]["Instances"][0]
    disk = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = found["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.create_tags(Resources=[disk, interface], Tags=tags)
    zone = found["Placement"]["AvailabilityZone"]
    second = ec2.create_volume(AvailabilityZone=zone, Size=50)["VolumeId"]
    ec2.attach_volume(Device="/dev/sdf", InstanceId=machine["id"], VolumeId=second)


def test_every_command_tells_costs_by_the_fetched_prices(person: Person) -> None:
    """Both programs, as soon as the prices are kept."""
    person.types("deployer adopt shop --yes --trust-shown-key")
    (deploy,) = person.asks("deployer status shop")["services"][0]["deploys"]
    machine = deploy["machines"][0]["id"]
    explained = person.asks(f"reconciler explain {machine}")["things"][0]["answers"]
    _, type_, _, place = explained["kind"].split()
    region = place.partition("/")[2]
    price_cache.save(Prices("2026-11-23", {region: {type_: Decimal(777)}}))
    assert "$777.0" in person.types(f"reconciler explain {machine}")
    assert '"hourly": 777.0' in person.types("reconciler plan --json")
    assert "prices of 2026-11-23, else" in person.types("reconciler report")
    assert "Prices of 2026-11-23, else" in person.types("reconciler report --format html")
    assert wired(loader.load(), "shop").prices == price_cache.load()


def test_prices_are_fetched_from_the_sandbox_too(person: Person) -> None:
    """Its Pricing API has the shipped prices, beside products that must not be taken for them."""
    person.types("deployer adopt shop --yes --trust-shown-key")
    before = person.asks("reconciler report")["total"]["monthly"]
    told = person.asks("reconciler prices --refresh")
    assert set(told["regions"]) == {"eu-west-1"}
    assert told["regions"]["eu-west-1"] > 1000
    fetched = price_cache.load()
    assert fetched.by_region["eu-west-1"]["gp3 throughput"] == Decimal("0.044")
    table = shipped.region("eu-west-1")
    same = [name for name, dollars in fetched.by_region["eu-west-1"].items() if name in table]
    assert all(fetched.by_region["eu-west-1"][name] == Decimal(table[name]) for name in same)
    assert len(same) >= len(table) - 1
    assert before > 0
    assert person.asks("reconciler report")["total"]["monthly"] == before


def test_the_report_by_anything(person: Person) -> None:
    """Sums by each key add up to the total; what is narrowed is less; bad words are refused."""
    person.types("deployer adopt shop --yes --trust-shown-key")
    total = person.asks("reconciler report")["total"]["monthly"]
    for by in (*KEYS, "tag:deploy-part"):
        groups = person.asks(f"reconciler report --by {by}")["groups"]
        assert sum(group["monthly"] for group in groups) == pytest.approx(total, abs=1e-9)
    machines = person.asks("reconciler report --only kind=instance")["total"]["monthly"]
    assert 0 < machines < total
    volumes = person.asks("reconciler report --only kind=volume")["deploys"][0]
    assert volumes["other"] == {"volume": 1}  # of the adopted machine, though it has no tags
    nothing = person.asks("reconciler report --only service=none")
    assert (nothing["total"]["monthly"], nothing["deploys"]) == (0, [])
    assert "deploy" in person.types("reconciler report --top 1 --format markdown")
    person.types("reconciler report --fail-over 0")
    for line in ("--by size", "--only kind", "--fail-over much", "--fail-over -1", "--top 0"):
        person.types(f"reconciler report {line}", Exit.USAGE)


def test_strays_need_no_configuration(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not ours and looks left behind, in all regions; nothing of it is touched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPLOY_CONFIG", raising=False)
    ec2 = boto3.client("ec2", "eu-west-1")
    disk = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=100, VolumeType="gp2")
    address = ec2.allocate_address(Domain="vpc")
    told = person.asks("reconciler strays --region all --older-than 0s")
    assert told["unread"] == []
    rows = {stray["id"]: stray for stray in told["strays"]}
    assert rows[disk["VolumeId"]]["monthly"] == 11.0
    assert rows[disk["VolumeId"]]["why"] == "attached to nothing"
    assert rows[address["AllocationId"]]["confidence"] == "high"
    assert rows[address["AllocationId"]]["monthly"] == 3.6
    text = person.types("reconciler strays")
    assert disk["VolumeId"] not in text  # it is younger than 14 days
    assert "no sweep touches it" in text
    person.types("reconciler strays --also-used-in /nowhere", Exit.USAGE)


def test_hold_and_release(person: Person) -> None:
    """A hold is shown with its reason; what is not ours cannot be held by a typo."""
    person.types("deployer adopt shop --yes --trust-shown-key")
    (deploy,) = person.asks("deployer status shop")["services"][0]["deploys"]
    machine = deploy["machines"][0]["id"]
    assert "was adopted" in person.types(f"reconciler hold {machine} evidence", Exit.REFUSED)
    person.types("deployer up shop --ref v1.5.0")
    (deploy, _) = person.asks("deployer status shop")["services"][0]["deploys"]
    machine = deploy["machines"][0]["id"]
    person.types(f"reconciler hold {machine} evidence")
    assert "hold        evidence" in person.types(f"reconciler explain {machine}")
    person.types(f"reconciler unhold {machine}")
    assert "hold        none" in person.types(f"reconciler explain {machine}")
    person.types(f"reconciler hold {machine} evidence")
    assert "is not held any more" in person.types(f"reconciler release {machine}")
    assert "hold        none" in person.types(f"reconciler explain {machine}")
    assert "nothing with the id" in person.types("reconciler hold i-0000 x", Exit.USAGE)


def test_a_plan_in_a_file(person: Person, tmp_path: Path) -> None:
    """-o writes what --json says."""
    person.types("deployer adopt shop --yes --trust-shown-key")
    file = tmp_path / "plan.json"
    person.types(f"reconciler plan -o {file}")
    assert json.loads(file.read_text())["services"][0]["service"] == "shop"


def test_wrong_credentials(person: Person, tmp_path: Path) -> None:
    """Exit 6, and which account was meant."""
    config = Path(person.env["DEPLOY_CONFIG"])
    other = tmp_path / "config"
    shutil.copytree(config, other)
    for file in other.rglob("*.toml"):
        file.write_text(file.read_text().replace("123456789012", "999999999999"))
    seen = person.types(f"deployer --config {other} status shop", Exit.ACCESS)
    assert "999999999999" in seen
