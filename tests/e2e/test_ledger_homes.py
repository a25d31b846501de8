"""Whose ledger is it (rules 12 and 14): the attacks that harmed production, and every way out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import has, live_instance, takes_writes, wait_for
from tests.e2e.zone import change_record, delete_record, said
from tests.support.company import LEDGER, RECORD, Company, Done

WWW = "www.example.test"
ORG = "example.org"


class Other:
    """A second configuration directory: the same service by its file's name, another record."""

    def __init__(self, company: Company, root: Path, record: str = WWW, keep: int = 1) -> None:
        self.company = company
        self.directory = root / "config"
        shutil.copytree(Path(company.environment["DEPLOY_CONFIG"]), self.directory)
        path = self.directory / "services" / "shop.toml"
        text, count = re.subn(r"(?m)^record( *)=.*$", f'record = "{record}"', path.read_text())
        assert count == 1
        text = re.sub(r"(?m)^keep\b.*$", "", text)
        path.write_text(f"keep = {keep}\n{text}")

    def run(self, tool: str, *words: str) -> Done:
        """A command by this configuration."""
        return self.company.run(tool, *words, env={"DEPLOY_CONFIG": str(self.directory)})

    def refused(self, *words: str, says: tuple[str, ...]) -> None:
        """A command of the deployer that refuses in these words."""
        done = self.run("deployer", *words)
        assert done.code == Exit.REFUSED, done
        has(done.out + done.err, *says)


def _untouched(company: Company, ledger: str) -> None:
    """Production as it was: it serves, takes writes, its jobs run, its ledger is the same."""
    assert company.ledger() == ledger
    assert company.version()
    (database,) = [one for one in company.databases() if takes_writes(company, one)]
    assert database


@pytest.mark.parametrize(
    "own_record", [True, False], ids=["on a machine of its own", "second name"]
)
def test_a_second_configuration_is_refused(
    adopted: Company, tmp_path: Path, *, own_record: bool
) -> None:
    """Same file name, account, region and zone, `keep = 1`: every command names both, none acts."""
    adopted.up("v1.5.0")
    address = "203.0.113.9" if own_record else adopted.pointed_at()[0]
    change_record(adopted, WWW, "A", [address])
    other, ledger, resources = Other(adopted, tmp_path), adopted.ledger(), adopted.resources()
    both = (RECORD, WWW)
    doctor = other.run("deployer", "doctor")
    assert doctor.code != Exit.DONE, doctor
    has(doctor.out + doctor.err, *both)
    for words in (
        ("up", "shop", "--ref", "v1.7.0"),
        ("up", "shop", "--sweep-first"),
        ("adopt", "shop", "--yes"),
        ("rollback", "shop", "--discard-writes"),
        ("recover", "shop", "--yes"),
        ("abort", "shop", "--yes"),
    ):
        other.refused(*words, says=both)
    swept = other.run("reconciler", "sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out + swept.err, "unknown", *both)
    assert (adopted.ledger(), adopted.resources()) == (ledger, resources)
    adopted.ok("deployer", "status", "shop", "--exit-code")


def test_a_misspelt_record_unlives_nobody(adopted: Company, tmp_path: Path) -> None:
    """`recover` was proposed for it, and wrote a ledger with nobody live."""
    adopted.up("v1.5.0")
    other, ledger, resources = Other(adopted, tmp_path, "shpo.example.test"), adopted.ledger(), None
    resources = adopted.resources()
    for words in (("up", "shop"), ("recover", "shop", "--yes"), ("adopt", "shop", "--yes")):
        other.refused(*words, says=(RECORD, "shpo.example.test"))
    assert other.run("reconciler", "sweep").code == Exit.DIRT
    assert (adopted.ledger(), adopted.resources()) == (ledger, resources)


def test_a_record_deleted_by_accident_unlives_nobody(adopted: Company) -> None:
    """Nobody is unlived by absence: every cure that is proposed leads back, and one does."""
    adopted.up("v1.5.0")
    ledger, live = adopted.ledger(), said(adopted)
    delete_record(adopted, RECORD, "A")
    refused = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, f"make {RECORD} an A record of {live.at[0]}")
    for words in (("recover", "shop", "--yes"), ("adopt", "shop", "--yes")):
        done = adopted.deployer(*words)
        assert done.code == Exit.REFUSED, done
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    assert adopted.ledger() == ledger
    change_record(adopted, RECORD, "A", list(live.at))
    adopted.ok("reconciler", "sweep")
    adopted.ok("deployer", "status", "shop", "--exit-code")
    assert adopted.version() == "v1.5.0"


def test_a_restored_zone_is_unknown_until_it_is_recovered(adopted: Company) -> None:
    """It always has a new id: nothing is touched, and one command gets out."""
    adopted.up("v1.5.0")
    before, resources = said(adopted), adopted.resources()
    _restore_zone(adopted)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out + swept.err, "deleted and restored")
    for words in (("up", "shop"), ("rollback", "shop"), ("adopt", "shop", "--yes")):
        refused = adopted.deployer(*words)
        assert refused.code == Exit.REFUSED, refused
        has(refused.err, "deployer recover shop")
    assert adopted.resources() == resources
    adopted.ok("deployer", "recover", "shop", "--yes")
    after = said(adopted)
    assert (after.live, after.at, after.previous) == (before.live, before.at, before.previous)
    assert len(after.was) == 1
    adopted.ok("reconciler", "sweep")
    adopted.ok("deployer", "status", "shop", "--exit-code")
    assert adopted.resources() == resources
    adopted.up("v1.7.0")
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert adopted.version() == "v1.5.0"


def _restore_zone(company: Company) -> None:
    """Delete the hosted zone and make it again with all its records, as from a backup."""
    client = company.aws("route53")
    old = company.zone_id()
    sets = client.list_resource_record_sets(HostedZoneId=old)["ResourceRecordSets"]
    mine = [one for one in sets if one["Type"] not in ("NS", "SOA")]
    _batch(client, old, "DELETE", mine)
    client.delete_hosted_zone(Id=old)
    new = client.create_hosted_zone(Name="example.test", CallerReference="restored")
    _batch(client, new["HostedZone"]["Id"], "CREATE", mine)
    assert company.zone_id() != old


def _batch(client: object, zone: str, action: str, sets: list[dict[str, object]]) -> None:
    changes = [{"Action": action, "ResourceRecordSet": one} for one in sets]
    client.change_resource_record_sets(  # type: ignore[attr-defined]
        HostedZoneId=zone, ChangeBatch={"Changes": changes}
    )


def test_a_record_renamed_on_purpose(adopted: Company) -> None:
    """The configuration names the new one: refused with the command that moves it."""
    adopted.up("v1.5.0")
    adopted.configure(r"^record( *)=.*$", f'record = "{WWW}"')
    refused = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "deployer move shop")
    at = adopted.pointed_at()
    adopted.ok("deployer", "move", "shop", "--yes")
    assert adopted.records()[WWW, "A"] == at
    assert said(adopted).record == WWW
    delete_record(adopted, RECORD, "A")
    adopted.ok("reconciler", "sweep")
    adopted.up("v1.7.0")
    assert adopted.records()[WWW, "A"] == said(adopted).at != at


def test_a_service_that_goes_to_another_zone(adopted: Company) -> None:
    """Its databases carry the old ledger's hash and stay its own: release, rollback, sweep."""
    adopted.up("v1.5.0")
    resources = adopted.resources()
    zone = adopted.aws("route53").create_hosted_zone(Name=ORG, CallerReference="org")
    adopted.configure(r"^record( *)=.*$", f'record = "shop.{ORG}"')
    refused = adopted.deployer("adopt", "shop", "--yes")
    assert refused.code == Exit.REFUSED, refused
    adopted.ok("deployer", "move", "shop", "--yes")
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == resources
    adopted.ok("deployer", "status", "shop", "--exit-code")
    delete_record(adopted, RECORD, "A")
    adopted.up("v1.7.0")
    there = _records_of(adopted, zone["HostedZone"]["Id"])
    assert adopted.get(address=there[f"shop.{ORG}"])["version"] == "v1.7.0"
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    there = _records_of(adopted, zone["HostedZone"]["Id"])
    assert adopted.get(address=there[f"shop.{ORG}"])["version"] == "v1.5.0"
    adopted.ok("reconciler", "sweep")


def _records_of(company: Company, zone: str) -> dict[str, str]:
    answer = company.aws("route53").list_resource_record_sets(HostedZoneId=zone)
    return {
        one["Name"].rstrip("."): one["ResourceRecords"][0]["Value"]
        for one in answer["ResourceRecordSets"]
        if one["Type"] == "A"
    }


def test_a_service_is_closed_and_opened_again(adopted: Company) -> None:
    """Closed on purpose: its record first, then a word that names who is live."""
    adopted.up("v1.5.0")
    before = said(adopted)
    early = adopted.deployer("retire", "shop", "--nobody-live", before.live, "--yes")
    assert early.code == Exit.REFUSED, early
    delete_record(adopted, RECORD, "A")
    adopted.ok("deployer", "retire", "shop", "--nobody-live", before.live, "--yes")
    assert said(adopted).live == ""
    assert not [one for one in adopted.databases() if takes_writes(adopted, one)]
    adopted.ok("reconciler", "sweep")
    change_record(adopted, RECORD, "A", list(before.at))
    adopted.ok("deployer", "recover", "shop", "--yes")
    adopted.ok("reconciler", "sweep")
    assert said(adopted).live == before.live
    assert adopted.version() == "v1.5.0"
    adopted.up("v1.7.0")


def test_one_record_has_one_ledger(adopted: Company, tmp_path: Path) -> None:
    """Another service's file that names the record: its first write is refused."""
    path = adopted.service_file().with_name("blog.toml")
    text = adopted.service_file().read_text()
    adopted.service_file().rename(tmp_path / "shop.toml")
    path.write_text(text)
    for words in (("adopt", "blog", "--yes"), ("up", "blog")):
        refused = adopted.deployer(*words)
        assert refused.code == Exit.REFUSED, refused
    assert ("blog._deploy.example.test", "TXT") not in adopted.records()
    assert LEDGER in {name for name, _ in adopted.records()}


def test_a_copy_of_an_adopted_machine_is_never_live(adopted: Company) -> None:
    """Launched more like this, then the adopted one goes: the record is not moved to the copy."""
    machine = live_instance(adopted)
    before = adopted.pointed_at()
    ec2 = adopted.aws("ec2")
    [copy] = ec2.run_instances(
        ImageId=machine["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        SubnetId=machine["SubnetId"],
        SecurityGroupIds=[one["GroupId"] for one in machine["SecurityGroups"]],
        TagSpecifications=[{"ResourceType": "instance", "Tags": machine["Tags"]}],
    )["Instances"]
    often = {"Delay": 0.2, "MaxAttempts": 200}
    ec2.get_waiter("instance_running").wait(InstanceIds=[copy["InstanceId"]], WaiterConfig=often)
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    wait_for(
        lambda: machine["InstanceId"] not in adopted.resources()["instance"], "the machine is gone"
    )
    adopted.reconciler("sweep")
    assert adopted.pointed_at() == before
    assert said(adopted).at == before
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    assert copy["InstanceId"] in adopted.resources()["instance"]
