"""`adopt`: what runs today is brought under a ledger, and nothing else of it changes."""

from __future__ import annotations

import pytest

from deployer.sandbox.faults import FaultClient
from reconciler.exit_codes import Exit
from tests.e2e.probes import live_instance
from tests.e2e.zone import let_time_pass, said
from tests.support.adoption import adopt
from tests.support.company import TRUSTING, Company, ask


def test_adopting_twice_is_adopting_once(company: Company) -> None:
    """The ledger first, then tags and a hold on the machine alone; a second time adds nothing."""
    before = company.resources()
    machine = live_instance(company)["InstanceId"]
    company.adopt()
    first, tags = company.ledger(), company.tags(machine)
    company.adopt()
    assert company.ledger() == first
    assert company.tags(machine) == tags
    assert tags["deploy-id"] == said(company).live
    assert (tags["deploy-state"], tags["deploy-hold"]) == ("live", "adopted")
    assert said(company).at == company.pointed_at()
    assert company.resources() == before
    assert company.version() == "v1.4.2"
    for resource in before["volume"] | before["network-interface"] | before["image"]:
        assert not {one for one in company.tags(resource) if one.startswith("deploy-")}


def test_a_half_done_adoption_is_finished(company: Company, faults: FaultClient) -> None:
    """Its tags could not be written: the ledger stands, and `adopt` again writes them."""
    faults.set("CreateTags", "error", code="UnauthorizedOperation", status=403)
    denied = company.deployer("adopt", "shop", *TRUSTING)
    assert denied.code == Exit.ACCESS, denied
    assert "CreateTags" in denied.err
    ledger = company.ledger()
    assert said(company).live
    company.adopt()
    assert company.ledger() == ledger
    assert company.tags(live_instance(company)["InstanceId"])["deploy-id"] == said(company).live


def test_a_machine_without_room_for_our_tags_is_not_adopted(company: Company) -> None:
    """Refused before the ledger is written; with room for them it is adopted."""
    machine, ec2 = live_instance(company)["InstanceId"], company.aws("ec2")
    tags = [{"Key": f"team-{number}", "Value": "x"} for number in range(46)]
    ec2.create_tags(Resources=[machine], Tags=tags)
    refused = company.deployer("adopt", "shop", *TRUSTING)
    assert refused.code == Exit.REFUSED, refused
    assert "AWS takes 50" in refused.err
    assert f"aws ec2 delete-tags --resources {machine}" in refused.err
    assert "TagLimitExceeded" not in refused.err
    assert company.ledger() == ""
    doctor = company.deployer("doctor", "shop")
    assert doctor.code == Exit.REFUSED, doctor
    assert "✗ shop     tags" in doctor.out
    ec2.delete_tags(Resources=[machine], Tags=tags[:20])
    company.adopt()
    assert "1 machine" in company.ok("deployer", "status", "shop").out


def test_a_machine_of_another_deploy_is_not_adopted(company: Company) -> None:
    """A deploy-id on it says that somebody else made it, or that its tags are a copy."""
    machine = live_instance(company)["InstanceId"]
    other = {"Key": "deploy-id", "Value": "shop/20250101T000000Z-aaaaa"}
    company.aws("ec2").create_tags(Resources=[machine], Tags=[other])
    refused = company.deployer("adopt", "shop", "--yes")
    assert refused.code == Exit.REFUSED, refused
    assert "shop/20250101T000000Z-aaaaa" in refused.err
    assert company.ledger() == ""
    assert company.tags(machine)["deploy-id"] == "shop/20250101T000000Z-aaaaa"


def test_the_host_key_is_compared(company: Company) -> None:
    """A wrong fingerprint adopts nothing; the right one needs no question about the key."""
    [machine] = company.sandbox.status()["instances"]
    unasked = company.deployer("adopt", "shop", "--yes")
    assert unasked.code == Exit.REFUSED, unasked
    assert f"--host-key {machine['host_key']}" in unasked.err
    assert "--trust-shown-key" in unasked.err
    assert company.ledger() == ""
    wrong = company.deployer("adopt", "shop", "--yes", "--host-key", "SHA256:" + "A" * 43)
    assert wrong.code == Exit.REFUSED, wrong
    assert machine["host_key"] in wrong.err
    assert company.ledger() == ""
    company.ok("deployer", "adopt", "shop", "--yes", "--host-key", machine["host_key"])
    assert said(company).live


@pytest.mark.parametrize("words", [("up",), ("rollback",), ("thaw",)])
def test_before_adoption_every_command_names_adopt(
    company: Company, words: tuple[str, ...]
) -> None:
    """Nothing is changed, and the next command is told."""
    resources, records = company.resources(), company.records()
    refused = company.deployer(*words, "shop")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer adopt shop" in refused.err
    assert (company.resources(), company.records()) == (resources, records)


def test_what_is_adopted_by_hand_is_adopted(company: Company) -> None:
    """Most tests here begin with what `adopt` once wrote, written again: the same to the command.

    It has nothing to add, and all is well; so a release begins from there as from its own.
    """
    adopt(company)
    company.sandbox.reset()
    adopt(company)
    ledger, tags = company.ledger(), company.tags(live_instance(company)["InstanceId"])
    assert "under a ledger already" in company.ok("deployer", "adopt", "shop", "--yes").out
    company.ok("deployer", "status", "shop", "--exit-code")
    company.ok("reconciler", "plan", "--exit-code")
    assert company.ledger() == ledger
    assert company.tags(live_instance(company)["InstanceId"]) == tags
    console = company.sandbox.logs(live_instance(company)["InstanceId"])
    assert tags["deploy-host-key"] in console


def test_an_adopted_machine_that_keep_has_pushed_out_is_let_go(adopted: Company) -> None:
    """`retire ID`: refused while the ledger names it; then it runs on as it was before `adopt`."""
    adopted.configure("^keep    = 2", "keep = 1")
    id_, machine = said(adopted).live, live_instance(adopted)
    early = adopted.deployer("retire", id_, "--yes")
    assert (early.code, "stands in the ledger" in early.err) == (Exit.REFUSED, True), early
    adopted.up("v1.5.0")
    adopted.up("v1.7.0")
    let_time_pass(adopted)
    swept = adopted.ok("reconciler", "sweep")
    assert id_ not in said(adopted).previous, swept
    assert f"deployer retire {id_}" in adopted.ok("deployer", "status", "shop").out

    unasked = adopted.deployer("retire", id_)
    assert unasked.code != Exit.DONE, unasked
    assert adopted.tags(machine["InstanceId"])["deploy-id"] == id_
    done = adopted.ok("deployer", "retire", id_, "--yes")
    assert machine["InstanceId"] in done.out
    tags = adopted.tags(machine["InstanceId"])
    assert not [one for one in tags if one.startswith("deploy-")], tags
    assert ask(machine["PrivateIpAddress"], "/healthz")[0] == 200
    assert f"deployer retire {id_}" not in adopted.ok("deployer", "status", "shop").out
    again = adopted.deployer("retire", id_, "--yes")
    assert again.code == Exit.REFUSED, again
