"""Where a service stands, as people read it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

from deployer.checks.leftovers import dirt_lines
from deployer.checks.refusals import dirt
from deployer.commands.recover.command import Recovery
from deployer.commands.status import DeployLine, ServiceStatus
from deployer.output.journal.history import history_lines
from deployer.output.status import (
    recovery_json,
    recovery_lines,
    status_json,
    status_lines,
)
from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.ledger import NO_LEDGER, Lease, Ledger
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.resource import INSTANCE, SNAPSHOT
from reconciler.plan.service_plan import ServicePlan
from reconciler.util import humanize
from tests.support.shop_world import ALL, CLEAN, DEAD, DIED, LIVE, NOW, OLD, UNITS, planned


def line(ledger: Ledger, state: str, release: str, number: int) -> DeployLine:
    """One deploy of the small world."""
    deploy = LIVE if state == "live" else OLD
    machines = tuple(one for one in ALL if one.deploy == deploy and one.kind == INSTANCE)
    since = deploy.born if ledger.live and state == "live" else NOW - timedelta(minutes=70)
    database = "open" if state == "live" else "shut"
    at = (f"10.0.1.{number}",)
    return DeployLine(deploy, release, "ci@build", state, since, at, machines, "shop_x", database)


def stands(ledger: Ledger = CLEAN, problem: str = "", **changes: object) -> ServiceStatus:
    """The status of the small world."""
    service_plan = planned(ledger, problem=problem).services[0]
    one = ServiceStatus(
        service="shop",
        record="shop.example.com",
        pointed_at=("10.0.1.17",),
        ttl=60,
        generation=ledger.gen,
        now=NOW,
        lease=ledger.lease,
        deploys=(line(ledger, "live", "v1.5.0", 17), line(ledger, "previous", "v1.4.2", 9)),
        dirt=tuple(dirt_lines(service_plan.deletes, NOW, Prices())),
        notes=service_plan.notes,
        problem=problem,
        service_plan=service_plan,
        prices=Prices(),
        cost=total(service_plan),
    )
    changed = replace(one, **changes)  # type: ignore[arg-type]
    return replace(changed, cost=total(changed.service_plan))


def total(service_plan: ServicePlan) -> estimate.Sum:
    """What everything of the service costs."""
    ours = (verdict.resource for verdict in service_plan.verdicts)
    return estimate.add(estimate.of(one, NOW, Prices()) for one in ours)


def cost(status: ServiceStatus) -> str:
    """The same, as it is shown."""
    found = total(status.service_plan)
    return f"{humanize.hourly(found.hourly)}, {humanize.money(found.monthly)} in 30 days"


def clean() -> ServiceStatus:
    """The same without the dead release."""
    kept = [one for one in ALL if one.deploy != DEAD]
    return stands(service_plan=planned(CLEAN, kept).services[0], dirt=())


def test_a_clean_service() -> None:
    """What serves, where, since when, and what is kept; no cure where nothing ails."""
    one = clean()
    born, retired = LIVE.born, NOW - timedelta(minutes=70)
    assert status_lines(one) == [
        "shop serves v1.5.0 and takes writes; DNS agrees; not checked",
        f"  costs     {cost(one)}",
        "  record    shop.example.com → 10.0.1.17, TTL 60 s · generation 44",
        f"  live      v1.5.0       born {born:%Y-%m-%d %H:%M} UTC, 1h ago",
        f"            {LIVE}  1 machine running, database open",
        f"  previous  v1.4.2       retired {retired:%Y-%m-%d %H:%M} UTC, 1h ago",
        f"            {OLD}  1 machine running, database shut",
    ]
    assert max(map(len, status_lines(one))) <= 80


def test_dirt_is_listed_with_its_cure() -> None:
    """Every thing, and the command that removes it."""
    lines = status_lines(stands())
    assert "  ! left behind: 6 resources" in lines
    assert any("i-41" in one and "$0.0278/h" in one for one in lines)
    assert max(map(len, lines)) <= 80
    assert lines[2] == "  To put it right   reconciler sweep --service shop"


def test_a_lease_that_ran_out() -> None:
    """Who was at work, where, and since when nobody has heard of it."""
    lines = status_lines(stands(DIED))
    assert f"  lease     {DEAD} in `migrate`, ran out 4m 00s ago" in lines


def test_a_lease_that_runs() -> None:
    """Somebody is at work."""
    held = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(seconds=90), "database"))
    assert f"  lease     {DEAD} in `database`, for 1m 30s" in status_lines(stands(held))


def test_an_unknown_service_promises_nothing() -> None:
    """Neither live nor clean is said of what could not be read."""
    lines = status_lines(stands(problem="the zone could not be read"))
    assert lines == [
        "! shop is unknown: the zone could not be read; nothing of it is touched",
        "To write the ledger anew   deployer recover shop",
    ]


def test_a_service_that_is_not_adopted() -> None:
    """Something serves, but no ledger says so: how to bring it under one."""
    empty = NO_LEDGER
    one = stands(service_plan=planned(empty, []).services[0], generation=0, deploys=(), dirt=())
    assert status_lines(one) == [
        "shop is not under a ledger yet; shop.example.com leads to 10.0.1.17.",
        "  costs     $0.0000/h, $0.00 in 30 days",
        "  To bring it under a ledger   deployer adopt shop",
        "  record    shop.example.com → 10.0.1.17, TTL 60 s · no ledger yet",
    ]


def test_status_in_json() -> None:
    """The same for programs."""
    value = json.loads(json.dumps(status_json(stands(DIED))))
    assert value["clean"] is False
    assert value["lease"]["step"] == "migrate"
    assert value["deploys"][0]["machines"][0]["id"] == "i-17"
    assert len(value["dirt"]) == 6


def test_history() -> None:
    """Newest first, with whose it was, and the way back."""
    lines = history_lines(clean())
    rows = [one for one in lines if one[:4].isdigit()]
    assert [one.split()[2:4] for one in rows] == [["released", "v1.5.0"], ["released", "v1.4.2"]]
    assert all("by ci@build" in one for one in rows)
    assert [one.split()[-1] for one in lines if str(LIVE) in one or str(OLD) in one] == [
        "live",
        "previous",
    ]
    assert "To go back           deployer rollback shop" in lines
    assert history_lines(replace(clean(), deploys=())) == ["shop has no releases yet"]


def test_the_history_of_an_unreadable_ledger_is_unknown() -> None:
    """Unknown is not empty: nobody may read that nothing was ever released."""
    lines = history_lines(stands(problem="the zone could not be read", deploys=()))
    assert lines == [
        "the releases of shop are unknown: the zone could not be read",
        "To write the ledger anew   deployer recover shop",
    ]


def test_history_tells_a_rollback() -> None:
    """What was rolled back from, when, and since when the older one is live again."""
    at = NOW - timedelta(minutes=20)
    bad = replace(line(CLEAN, "live", "v1.5.0", 17), state="rejected", since=at)
    back = replace(line(CLEAN, "previous", "v1.4.2", 9), state="live", since=at, went_live=at)
    text = "\n".join(history_lines(replace(clean(), deploys=(back, bad))))
    assert f"{at:%Y-%m-%d %H:%M}  rolled back  from v1.5.0" in text
    assert f"{at:%Y-%m-%d %H:%M}  released     v1.4.2" in text


def test_who_is_at_work_stands_first_in_its_second() -> None:
    """A release that began in the second of an adoption began after it."""
    held = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=5), "code"))
    mine = replace(line(CLEAN, "live", "v1.6.0", 17), id=DEAD, state="releasing", since=NOW)
    born = replace(line(CLEAN, "live", "v1.5.0", 17), went_live=NOW, since=NOW)
    lines = history_lines(stands(held, deploys=(born, mine)))
    assert [one.split()[2] for one in lines if one[:4].isdigit()] == ["at", "released"]


def test_a_recovery_shows_everything_before_it_is_written() -> None:
    """What was found, what is doubtful, and the ledger to be."""
    address = LedgerAddress("shop", "Z1", "example.com", "shop.example.com")
    one = Recovery("shop", Reading(address, NOW), NO_LEDGER, CLEAN, ("a labelled live",), ("b?",))
    assert recovery_lines(one)[:3] == ["shop", "  found  a labelled live", "  ?      b?"]
    assert "  generation 44" in recovery_lines(one)
    assert json.loads(json.dumps(recovery_json(one)))["new"]["gen"] == 44


def test_a_refusal_for_dirt_says_what_it_costs() -> None:
    """Whose it is, since when, what it costs an hour and has cost, and both cures."""
    service_plan = planned(DIED).services[0]
    lines = dirt_lines(service_plan.deletes, NOW, Prices())
    refusal = dirt(service_plan, service_plan.deletes, lines, Prices())
    assert refusal.message == (
        "shop is not clean. The release of v1.4.9 by ci@build-8812 died in `migrate`; its lease "
        "ran out 4m ago. Left behind, $0.0293/h, $0.02 so far:"
    )
    assert "reconciler sweep --service shop" in refusal.cure
    assert "deployer up shop --sweep-first" in refusal.cure
    assert len(refusal.detail.splitlines()) == 6


def test_a_long_line_of_what_is_left_keeps_its_price_apart() -> None:
    """A snapshot's price is an upper bound, and the widest."""
    verdict = next(
        one for one in planned(DIED).services[0].deletes if one.resource.kind == SNAPSHOT
    )
    long = replace(verdict.resource, size_gb=8, state="completed, and more than usual")
    (line,) = dirt_lines([replace(verdict, resource=long)], NOW, Prices())
    assert re.search(r"ago +≤ \$", line), line


def test_a_parked_release_is_called_so() -> None:
    """What EC2 calls stopped is no accident; a program reads both words."""
    previous = line(CLEAN, "previous", "v1.4.2", 9)
    [machine] = previous.machines
    tags = {**machine.tags, t.UNITS: f"{UNITS} parked"}
    parked = replace(previous, machines=(replace(machine, tags=tags, state="stopped"),))
    status = replace(clean(), deploys=(parked,))
    assert "1 machine parked" in "\n".join(status_lines(status))
    [seen] = status_json(status)["deploys"][0]["machines"]
    assert (seen["state"], seen["rest"]) == ("stopped", "parked")
