"""A live database that a dead deployer has left shut."""

from __future__ import annotations

import pytest

from deployer.sandbox.faults import FaultClient
from reconciler.exit_codes import Exit
from tests.e2e.probes import die_in, wait_for, writable
from tests.e2e.zone import ask_dns, let_time_pass, said
from tests.support.company import RECORD, Company, ask


def test_thaw_waits_for_the_lease(adopted: Company) -> None:
    """While the deployer may live, only an operator's word opens the database."""
    die_in(adopted, "migrate")
    assert "shop" not in writable(adopted)
    held = adopted.deployer("thaw", "shop")
    assert held.code == Exit.REFUSED, held
    assert "shop" not in writable(adopted)
    adopted.ok("deployer", "thaw", "shop", "--deployer-is-dead")
    assert "shop" in writable(adopted)
    assert said(adopted).lease == ""
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201


def test_thaw_after_the_lease(adopted: Company) -> None:
    """A lease that has run out needs nobody's word; the sweep does the rest."""
    before = adopted.resources()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    adopted.ok("deployer", "thaw", "shop")
    assert "shop" in writable(adopted)
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before
    assert writable(adopted) == ["shop"]


@pytest.mark.parametrize(
    ("action", "kind"),
    [("route53:ListResourceRecordSets", "throttle"), ("route53:*", "error500")],
)
def test_thaw_without_route53(
    adopted: Company, faults: FaultClient, action: str, kind: str
) -> None:
    """The ledger out of reach: an operator who knows that the deployer is dead can still thaw."""
    before = adopted.resources()
    die_in(adopted, "migrate")
    faults.set(action, kind, times=0)
    unsure = adopted.deployer("thaw", "shop")
    assert unsure.code in (Exit.REFUSED, Exit.DIRT, Exit.FAILED), unsure
    assert "deployer thaw shop --deployer-is-dead" in unsure.err
    assert "shop" not in writable(adopted)
    adopted.ok("deployer", "thaw", "shop", "--deployer-is-dead")
    assert "shop" in writable(adopted)
    assert ask(_live_address(adopted), "/orders", b"{}")[0] == 201
    faults.clear()
    let_time_pass(adopted, "until")
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before
    assert writable(adopted) == ["shop"]


def test_a_rollback_killed_before_its_commit_without_route53(
    adopted: Company, faults: FaultClient
) -> None:
    """Both databases are shut, and only who has asked a name server knows who is live."""
    adopted.ok("deployer", "up", "shop", "--ref", "v1.5.0")
    [newer] = writable(adopted)
    live, at = said(adopted).live, adopted.pointed_at()
    faults.set("ChangeResourceRecordSets", "error500", times=0, skip=1)  # the lease, then no commit
    back = adopted.command("deployer", "rollback", "shop", "--discard-writes")
    with adopted.start(back, adopted.environment) as rollback:
        try:
            wait_for(lambda: writable(adopted) == [], "live is shut")
        finally:
            rollback.kill()
    faults.set("route53:*", "error500", times=0)
    unsure = adopted.deployer("thaw", "shop", "--deployer-is-dead")
    assert unsure.code == Exit.REFUSED, unsure
    assert ask_dns(adopted, RECORD, "A") == at
    word = ("thaw", "shop", "--deployer-is-dead", "--not-moved", live)
    assert f"deployer {' '.join(word)}" in unsure.err
    assert writable(adopted) == []
    adopted.ok("deployer", *word)
    assert writable(adopted) == [newer]
    assert ask(at[0], "/orders", b"{}")[0] == 201
    faults.clear()
    let_time_pass(adopted, "until")
    adopted.ok("reconciler", "sweep")
    assert said(adopted).live == live
    assert writable(adopted) == [newer]


def _live_address(company: Company) -> str:
    [machine] = [
        one
        for one in company.instances()
        if company.tags(one["InstanceId"]).get("deploy-state") == "live"
    ]
    return str(machine["PrivateIpAddress"])
