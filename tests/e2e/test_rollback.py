"""`rollback`: back without thinking, forward again, and never a write lost in silence."""

from __future__ import annotations

import json

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import (
    die_in,
    instance_at,
    is_active,
    live_instance,
    on_machine,
    place_order,
    resources_of,
    takes_writes,
    writable,
)
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, Json, Witness, ask


@pytest.fixture
def released(adopted: Company) -> Company:
    """v1.5.0 live, v1.4.2 before it."""
    adopted.up("v1.5.0")
    return adopted


def test_back_and_forward_again(released: Company) -> None:
    """Back: one database takes writes, the other is kept. Forward: nobody is rejected."""
    newer, (older,) = said(released).live, said(released).previous
    new, database = live_instance(released), str(released.get()["database"])
    placed = {place_order(released) for _ in range(3)}
    _says_first_what_would_be_lost(released)
    witness = Witness(released)
    with witness.watching(writing=False):
        done = released.ok("deployer", "rollback", "shop", "--discard-writes")
    assert witness.errors == []
    assert "orders 3" in done.out
    assert released.version() == "v1.4.2"
    old, ledger = live_instance(released), said(released)
    assert (ledger.live, ledger.previous, ledger.rejected) == (older, (newer,), (newer,))
    assert writable(released) == ["shop"]
    _changed_sides(released, old, new)
    assert "rejected" in released.ok("deployer", "status", "shop", "--exit-code").out

    forward = ("rollback", "shop", "--to", newer)
    refused = released.deployer(*forward)  # the old one has taken writes too by now
    assert refused.code == Exit.REFUSED, refused
    assert f"deployer rollback shop --to {newer} --discard-writes" in refused.err
    released.ok("deployer", *forward, "--discard-writes")
    ledger = said(released)
    assert (ledger.live, ledger.previous, ledger.rejected) == (newer, (older,), ())
    assert released.version() == "v1.5.0"
    assert writable(released) == [database]
    assert placed <= released.rows(database)
    released.ok("reconciler", "plan", "--exit-code")


def _says_first_what_would_be_lost(company: Company) -> None:
    """Refused with a count and the next command; the live service is not disturbed by it."""
    database, ledger = company.get()["database"], company.ledger()
    refused = company.deployer("rollback", "shop")
    assert refused.code == Exit.REFUSED, refused
    assert "orders 3" in refused.err
    assert "v1.5.0" in refused.err
    assert "v1.4.2" in refused.err
    assert "deployer rollback shop --discard-writes" in refused.err
    assert company.ledger() == ledger
    assert writable(company) == [database]
    assert company.version() == "v1.5.0"


def _changed_sides(company: Company, live: Json, left: Json) -> None:
    """Writes, jobs and labels are `live`'s; `left` still answers who reads."""
    pair = (live, left)
    assert ask(live["PrivateIpAddress"], "/orders", b"{}")[0] == 201
    assert ask(left["PrivateIpAddress"], "/orders", b"{}")[0] == 503
    assert [is_active(company, one, "shop-worker") for one in pair] == [True, False]
    assert [is_active(company, one, "shop") for one in pair] == [True, True]
    labels = [company.tags(one["InstanceId"])["deploy-state"] for one in pair]
    assert labels == ["live", "retired"]


@pytest.mark.parametrize("harm", ["app", "machine"])
def test_the_old_release_is_seen_to_answer_first(released: Company, harm: str) -> None:
    """If it does not, nothing has happened: live serves, takes writes, and nobody is at work."""
    [old_address] = [
        one["PrivateIpAddress"]
        for one in released.instances()
        if one["PrivateIpAddress"] not in released.pointed_at()
    ]
    old = instance_at(released, old_address)
    before = said(released)
    if harm == "app":
        on_machine(released, old, "sudo -n systemctl stop shop && sudo -n rm -rf /srv/shop")
    else:
        ec2 = released.aws("ec2")
        ec2.terminate_instances(InstanceIds=[old["InstanceId"]])
        ec2.get_waiter("instance_terminated").wait(
            InstanceIds=[old["InstanceId"]], WaiterConfig={"Delay": 0.2, "MaxAttempts": 100}
        )
    failed = released.deployer("rollback", "shop", "--discard-writes", "--json")
    assert failed.code == Exit.FAILED, failed
    assert "start" in [one["step"] for one in failed.events if one["type"] == "step-failed"]
    after = said(released)
    assert (after.live, after.previous, after.rejected) == (before.live, before.previous, ())
    assert after.lease == ""
    assert writable(released) == [released.get()["database"]]
    assert ask(released.pointed_at()[0], "/orders", b"{}")[0] == 201


def test_dirt_does_not_stop_a_rollback(released: Company) -> None:
    """Nor does a dead deployer's lease, once it has run out; a living one's does."""
    clean, newer = released.resources(), released.get()["database"]
    die_in(released, "migrate", "v1.7.0")  # the live database is shut by now
    refused = released.deployer("rollback", "shop", "--discard-writes")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer abort shop" in refused.err
    let_time_pass(released, "until")
    released.ok("deployer", "rollback", "shop", "--discard-writes")
    assert released.version() == "v1.4.2"
    assert takes_writes(released, "shop")
    assert not takes_writes(released, str(newer))
    assert said(released).lease == ""
    swept = released.ok("reconciler", "sweep")
    assert released.resources() == clean, swept
    assert writable(released) == ["shop"]
    released.ok("deployer", "status", "shop", "--exit-code")


def test_what_is_beyond_retention_is_forgotten_and_collected(released: Company) -> None:
    """keep = 1: older good releases go once their clients have gone; the adopted machine stays."""
    released.configure("^keep    = 2", "keep = 1")
    adopted_things, second = said(released).previous[0], said(released).live
    released.up("v1.7.0")
    third = said(released).live
    released.up("v1.5.0")
    assert said(released).previous == (third, second, adopted_things)
    everything = released.resources()

    # Clients may still be on their way to the old addresses: nothing goes.
    released.ok("reconciler", "sweep")
    assert said(released).previous == (third, second, adopted_things)
    assert released.resources() == everything

    let_time_pass(released)
    plan = released.reconciler("plan", "--exit-code")
    assert plan.code == Exit.TO_DO, plan
    doomed = resources_of(released, second)
    assert len(doomed) == 5
    swept = released.ok("reconciler", "sweep")
    assert said(released).previous == (third,), swept
    gone = {kind: everything[kind] - now for kind, now in released.resources().items()}
    assert {kind: len(ids) for kind, ids in gone.items()} == dict.fromkeys(everything, 1)
    assert doomed <= set.union(*gone.values())
    [machine] = [one for one in released.instances() if _hold(released, one) == "adopted"]
    assert ask(machine["PrivateIpAddress"], "/healthz")[0] == 200
    assert "shop" in released.databases()

    released.ok("deployer", "rollback", "shop", "--discard-writes")
    assert said(released).live == third
    assert released.version() == "v1.7.0"


def test_a_rejected_release_is_kept_for_its_own_time(released: Company) -> None:
    """Its database holds writes that nothing else has; `keep` says nothing of it."""
    released.configure("^keep    = 2", "keep = 1")
    rejected = said(released).live
    database = released.get()["database"]
    released.ok("deployer", "rollback", "shop", "--discard-writes")
    _does_not_bounce(released, rejected)
    let_time_pass(released)
    released.ok("reconciler", "sweep")
    assert said(released).rejected == (rejected,)
    assert database in released.databases()
    resources = resources_of(released, rejected)

    released.configure("^keep = 1", 'keep = 1\nkeep_rejected = "10m"')
    status = json.loads(released.ok("reconciler", "plan", "--json").out)
    assert database in json.dumps(status)
    released.ok("reconciler", "sweep")
    assert said(released).previous == ()
    assert database not in released.databases()
    left = set().union(*released.resources().values())
    assert resources
    assert not resources & left
    assert released.version() == "v1.4.2"
    released.ok("reconciler", "plan", "--exit-code")


def _does_not_bounce(company: Company, rejected: str) -> None:
    """What was just rejected is no release to go back to; only `--to` names it."""
    ledger = company.ledger()
    again = company.deployer("rollback", "shop", "--discard-writes")
    assert again.code == Exit.REFUSED, again
    assert f"{rejected} (rejected)" in again.err
    assert "--to" in again.err
    assert company.ledger() == ledger


def test_nothing_to_go_back_to(adopted: Company) -> None:
    """The first release ever has no way back, and says so."""
    ledger = adopted.ledger()
    refused = adopted.deployer("rollback", "shop")
    assert refused.code == Exit.REFUSED, refused
    assert "no previous deploy" in refused.err
    stranger = "shop/20250101T000000Z-aaaaa"
    refused = adopted.deployer("rollback", "shop", "--to", stranger)
    assert refused.code == Exit.REFUSED, refused
    assert stranger in refused.err
    assert adopted.deployer("rollback", "shop", "--to", "yesterday").code == Exit.USAGE
    assert adopted.ledger() == ledger


def _hold(company: Company, instance: dict[str, str]) -> str:
    return company.tags(instance["InstanceId"]).get("deploy-hold", "")
