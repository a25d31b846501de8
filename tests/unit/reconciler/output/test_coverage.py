"""What was read of which account and region, and who else is there, as it is told."""

from __future__ import annotations

from dataclasses import replace

from reconciler.cost.audit import report
from reconciler.cost.foreign import strangers
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.coverage import (
    EVERYWHERE,
    GLOBAL,
    INDEX,
    LEDGER,
    MACHINE,
    Read,
    ReadStatus,
    merged,
)
from reconciler.model.resource import DATABASE, Inventory, Resource
from reconciler.model.tags import AccountRegion
from reconciler.output.audit.data import as_json
from reconciler.output.audit.table import table
from reconciler.output.coverage import completeness_lines, elsewhere_lines, scope_json
from reconciler.output.plan import plan_json, plan_lines
from reconciler.plan.circuit_breaker import Cap, load
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Plan
from tests.support.shop_world import ALL, CLEAN, DEAD, PLACE, deploy, planned, resources, root

OTHER = AccountRegion("222233334444", "us-east-1")
ZONES = AccountRegion(PLACE.account, GLOBAL)
READS = (
    Read(PLACE, INDEX, pages=2, calls=2),
    Read(PLACE, "instance", pages=1, calls=1),
    Read(OTHER, INDEX, pages=1, calls=1),
    Read(ZONES, LEDGER, pages=1, calls=1),
)
LOST = Read(
    AccountRegion("333344445555", EVERYWHERE), "resource", ReadStatus.FAILED, note="role refused"
)


def test_one_line_while_all_was_read() -> None:
    """Two accounts, two regions (Route 53 has none), the pages and the calls."""
    assert completeness_lines(READS) == [
        "read all of 2 accounts, 2 regions, 3 kinds: 5 pages, 5 calls"
    ]


def test_the_whole_table_when_something_was_not_or_when_asked() -> None:
    """A row an account, region and kind, with the cause."""
    lines = completeness_lines((*READS, LOST))
    assert lines[0] == "read 3 accounts, 2 regions, 4 kinds: 5 pages, 5 calls; 1 not read"
    assert len(lines) == 2 + len(READS) + 1
    assert lines[-1].split(maxsplit=6) == [
        *("333344445555", "*", "resource", "failed", "0", "0", "role refused")
    ]
    assert len(completeness_lines(READS, verbose=True)) == 2 + len(READS)


def test_rows_of_one_kind_are_one() -> None:
    """Two services' databases in one place: the worst status, both notes, all calls."""
    good = Read(PLACE, DATABASE, calls=1, service="blog")
    bad = Read(PLACE, DATABASE, ReadStatus.FAILED, calls=1, note="shop: refused", service="shop")
    (row,) = merged((good, bad, replace(bad, note="mail: refused", service="mail")))
    assert (row.status, row.calls, row.note) == (
        ReadStatus.FAILED,
        3,
        "shop: refused; mail: refused",
    )
    assert scope_json((good, bad), ())["completeness"][0]["status"] == "failed"


def test_what_was_not_reached_comes_with_its_command() -> None:
    """Databases left out, a machine that did not answer: the same sweep from elsewhere."""
    far = (
        Read(PLACE, DATABASE, ReadStatus.SKIPPED, note="told not to", service="shop"),
        Read(PLACE, MACHINE, ReadStatus.FAILED, calls=1, note="i-1: no route", service="blog"),
        Read(PLACE, MACHINE, calls=1, service="mail"),
    )
    (line,) = elsewhere_lines(far)
    assert line.startswith("To do the rest, from where it can be reached")
    assert line.endswith("  reconciler sweep --service blog --service shop")
    assert elsewhere_lines(READS) == []
    assert completeness_lines(far)[0].endswith("; 1 not read, 1 left out")


def test_what_nobody_configured_leaves_no_table() -> None:
    """It is named behind what was read, and counts as no kind that was."""
    unnamed = Read(PLACE, "rds-instance", ReadStatus.NOT_CONFIGURED, note="not among `kinds`")
    (line,) = completeness_lines((Read(PLACE, DATABASE, calls=1), unnamed))
    words = "read all of 1 account, 1 region, 1 kind: 1 call; not configured: rds-instance"
    assert line == words
    assert len(completeness_lines((unnamed, Read(PLACE, MACHINE, ReadStatus.FAILED)))) == 4


def theirs() -> tuple[Resource, ...]:
    """Another team's machines: our tag keys, our service's name, another ledger."""
    made = resources(deploy(60, "ttttt"), "v9", t.Label.PENDING, 77)
    ledger = "Z9/shop._deploy.example.net"
    return tuple(replace(one, tags={**one.tags, t.LEDGER: ledger}) for one in made[:3])


def world(*others: Resource) -> Plan:
    """Shop's clean world, and these beside it."""
    return planned(CLEAN, (*ALL, *others))


def test_things_of_another_ledger_are_never_described_as_ours() -> None:
    """Not in the plan's acts, the report's rows, its sums or the breaker's share: apart, kept."""
    ours, both = world(), world(*theirs())
    assert both.services[0].deletes == ours.services[0].deletes
    assert load(both.services[0], Cap()) == load(ours.services[0], Cap())
    assert report(both, Prices()).rows == report(ours, Prices()).rows
    assert report(both, Prices()).orphans == report(ours, Prices()).orphans
    assert report(both, Prices()).total == report(ours, Prices()).total
    assert (
        plan_json(both, Cap(), Prices())["services"][0]["delete"]
        == (plan_json(ours, Cap(), Prices())["services"][0]["delete"])
    )
    (group,) = strangers(both, Prices())
    assert (group.service, group.ledger) == ("shop", "Z9/shop._deploy.example.net")
    line = next(one for one in plan_lines(both, Cap(), Prices()) if one.startswith("not ours"))
    assert "shop: 1 instance" in line
    assert line.endswith("its tags name another ledger; kept")
    assert line in table(report(both, Prices())).splitlines()


def test_a_service_whose_file_is_gone_is_told_with_its_cost_and_kept() -> None:
    """An empty configuration never means: delete all."""
    nobody = plan(Inventory(ALL), {}, {})
    assert nobody.empty
    (group,) = strangers(nobody, Prices())
    assert (group.service, sum(group.kinds.values())) == ("shop", len(ALL))
    assert group.cost.hourly > 0
    assert "of service shop, which this run does not look at" in group.why
    blog = replace(root(), home=replace(root().home, service="blog", ledger="Z1/blog._deploy.x"))
    shrunken = plan(Inventory(ALL), {"blog": blog}, {})
    assert shrunken.empty
    value = as_json(report(shrunken, Prices()))
    assert value["deploys"] == []
    assert value["not_ours"][0]["service"] == "shop"
    assert (value["not_ours"][0]["hourly"] or 0) > 0


def test_a_service_that_could_not_be_opened_owns_nothing_yet() -> None:
    """Its ledger's place is not known, so nobody knows which of its things are its own: kept."""
    lost = replace(root(problem="the role was refused"), home=replace(root().home, ledger=""))
    seen = plan(Inventory(ALL), {"shop": lost}, {})
    assert seen.empty
    assert {one.reason.value for one in seen.services[0].verdicts} == {"unknown scope"}


def test_waste_that_could_not_be_read_is_unknown() -> None:
    """An unreadable ledger hides garbage: unknown is never 0."""
    unread = planned(problem="the zone could not be read")
    lines = table(report(unread, Prices())).splitlines()
    assert "wasted now unknown: not everything could be read" in lines
    assert not any("$0.0000/h" in line for line in lines if "wasted" in line)


def test_orphans_that_are_kept_are_in_no_waste_but_cost() -> None:
    """`wasted $0.0000/h` must not stand under an orphan without a word about what it costs."""
    held = [
        replace(one, tags={**one.tags, "deploy-hold": "ask Ann"})
        for one in ALL
        if one.deploy == DEAD
    ]
    rest = [one for one in ALL if one.deploy != DEAD]
    [line] = [
        line
        for line in table(report(planned(CLEAN, [*rest, *held]), Prices())).splitlines()
        if line.startswith("wasted now")
    ]
    assert "orphans that are kept cost $" in line
