"""One world, one figure: every view of both programs against a sum that was made by hand."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deployer.commands.status import status
from deployer.output.status import status_lines
from deployer.provisioning.release_cost import kept_costs
from deployer.release.live.kept_release import kept_release
from deployer.release.preview import preview
from reconciler.cli.daemon.loop import Round
from reconciler.cli.daemon.metrics import Metrics
from reconciler.cost.audit import Report, report
from reconciler.cost.estimate import monthly_of
from reconciler.cost.grouping import KEYS
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.journal.savings import savings
from reconciler.model.resource import (
    DATABASE,
    INSTANCE,
    RDS_INSTANCE,
    VOLUME,
    BillingTerms,
    Gap,
    Inventory,
    Resource,
)
from reconciler.model.tags import Label
from reconciler.output.audit import data, table
from reconciler.output.audit.figures import rounded
from reconciler.output.audit.html import html
from reconciler.output.audit.view import View
from reconciler.output.explain import explain_json
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.notifications.message import planned as notice
from reconciler.output.plan import plan_json, plan_lines
from reconciler.plan.circuit_breaker import Cap
from reconciler.plan.service_plan import Plan
from reconciler.ports.fleet import Fleet
from reconciler.sweep.attached_volumes import attached_volumes
from reconciler.sweep.record import SweepRun, entries
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import make_plan
from reconciler.util import humanize
from tests.fakes.scene import Scene
from tests.support.shop_world import (
    ALL,
    DEAD,
    LIVE,
    NOW,
    OLD,
    PLACE,
    more_things,
    target_group,
)

PLAIN = BillingTerms()
FAST = BillingTerms(iops=6000, throughput=250)
LENT, ELASTIC, PARKED = "198.51.100.7", "192.0.2.7", "192.0.2.8"

# $ a month in eu-west-1, from AWS's price pages: t3.small 0.0228 × 720, an address 0.005 × 720.
MACHINE, ADDRESS = Decimal("16.416"), Decimal("3.6")
ADOPTED = (
    MACHINE
    + 2 * ADDRESS
    + (100 * Decimal("0.088") + 3000 * Decimal("0.0055") + 125 * Decimal("0.044"))
    + 500 * Decimal("0.05")
)
"""A machine with two addresses, a fast gp3 of 100 GB, an st1 of 500 GB."""
KEPT = ADDRESS + 8 * Decimal("0.088") + 50 * Decimal("0.088") + 8 * Decimal("0.05")
"""A parked machine's Elastic IP, two disks, and the snapshot of its image."""
WASTE = MACHINE + 2 * ADDRESS + 8 * Decimal("0.088") + 8 * Decimal("0.05")
"""A machine with an address, its disk, a snapshot, and an idle Elastic IP."""
ATTACHED = 20 * Decimal("0.11")
"""A gp2 of 20 GB that somebody has attached to the machine that is garbage."""
TOTAL = ADOPTED + KEPT + WASTE + ATTACHED
UNPRICED = "x9.huge"


def volume(id_: str, size: float, kind: str, terms: BillingTerms = PLAIN) -> Resource:
    """A volume without tags."""
    return Resource(
        VOLUME, id_, PLACE, state="in-use", type=kind, size_gb=size, created=NOW, billing=terms
    )


def adopted() -> list[Resource]:
    """Live: a machine that was adopted, so that it alone carries tags."""
    [machine] = [one for one in ALL if one.id == "i-17"]
    [database] = [one for one in ALL if one.kind == DATABASE and one.deploy == LIVE]
    return [
        database,
        replace(
            machine,
            tags={**machine.tags, t.HOLD: t.HELD_BY_ADOPTION},
            uses=("vol-root", "vol-data"),
            public=(ELASTIC, LENT),
            elastic=(ELASTIC,),
            public_ips=2,
        ),
        volume("vol-root", 100, "gp3", FAST),
        volume("vol-data", 500, "st1"),
    ]


def parked() -> list[Resource]:
    """Previous: halted, with an Elastic IP and a second disk; a target group of its lease."""
    own = [one for one in ALL if one.deploy == OLD]
    [disk] = [one for one in own if one.kind == VOLUME]
    changed = [
        replace(
            one,
            state="stopped",
            uses=(*one.uses, "vol-second"),
            elastic=(PARKED,),
            public=(PARKED,),
            public_ips=1,
        )
        if one.kind == INSTANCE
        else one
        for one in own
    ]
    return [
        *changed,
        replace(disk, id="vol-second", size_gb=50),
        target_group(OLD, Label.RETIRED, 9),
    ]


def garbage() -> list[Resource]:
    """A dead release, with a disk that somebody has attached, and an address of its own."""
    own = [one for one in ALL if one.deploy == DEAD]
    more = [one for one in more_things(DEAD, "v1.4.9", Label.PENDING, 41) if one.public_ips]
    with_disk = [
        replace(one, uses=(*one.uses, "vol-extra")) if one.kind == INSTANCE else one for one in own
    ]
    return [*with_disk, *more, volume("vol-extra", 20, "gp2")]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """All of it behind the fakes."""
    return Scene(tmp_path, [*adopted(), *parked(), *garbage()])


def audited(scene: Scene) -> tuple[Plan, Report]:
    """As `reconciler report` audits."""
    fleet = Fleet.of(scene.managed)
    plan = make_plan(fleet)
    return plan, report(plan, Prices(), volumes=attached_volumes(plan, fleet.inventories))


def cents(amount: Decimal) -> str:
    """As it is shown."""
    return f"{rounded(amount, 2)}"


def costs_line(scene: Scene) -> str:
    """What `deployer status` says of costs."""
    lines = status_lines(status(scene.ports()))
    return next(line for line in lines if line.startswith("  costs "))


def test_the_sum_of_every_form_of_the_report(scene: Scene) -> None:
    """Table, markdown, page, JSON and CSV, by anything: the sum by hand."""
    _, audit = audited(scene)
    assert audit.total.monthly == TOTAL
    assert audit.total.unknown == 0
    total = cents(TOTAL)
    assert total == "115.44"
    assert f" {total} " in table.table(audit).split("\ntotal", 1)[1].split("\n")[0]
    assert f"| {total} |" in table.markdown(audit)
    assert f"You pay ${total} a month: ${cents(KEPT)} keeps rollbacks, ${cents(WASTE)} is" in html(
        audit
    )
    told = data.as_json(audit)
    assert told["total"]["monthly"] == float(TOTAL)
    listed = [one["monthly"] or 0 for row in told["deploys"] for one in row["resources"]]
    assert sum(Decimal(str(one)) for one in listed) == TOTAL
    assert {name: one["monthly"] for name, one in told["states"].items() if one["monthly"]} == {
        "live": float(ADOPTED),
        "previous": float(KEPT),
        "garbage": float(WASTE),
        "attached": float(ATTACHED),
    }
    for by in ("", *KEYS, f"tag:{t.PART}"):
        rows = list(csv.DictReader(io.StringIO(data.as_csv(audit, View(by)))))
        assert sum(Decimal(row["monthly"]) for row in rows) == TOTAL, by
        shown = table.table(audit, View(by)).split("\ntotal", 1)[1].split("\n")[0]
        assert f" {total} " in shown, by


def test_the_charts_of_the_page_show_the_same(scene: Scene) -> None:
    """By service and state, in cents."""
    _, audit = audited(scene)
    found = re.search(r'id="chart-data"[^>]*>(.*?)</script>', html(audit), re.DOTALL)
    assert found is not None
    states = json.loads(found[1])["services"]["states"]
    parts = {"live": ADOPTED, "previous": KEPT, "garbage": WASTE, "attached": ATTACHED}
    paid = {name: figures for name, figures in states.items() if any(figures)}
    assert paid == {name: [float(cents(amount))] for name, amount in parts.items()}


def test_status_has_the_total_of_the_report(scene: Scene) -> None:
    """The volumes of an adopted machine, second ones, the addresses of a parked one."""
    hourly = rounded(TOTAL / 720, 4)
    assert costs_line(scene) == f"  costs     ${hourly}/h, ${cents(TOTAL)} in 30 days"
    assert f"${hourly}" in f"${audited(scene)[1].total.hourly:.4f}"


def test_what_is_unread_or_unknown_is_a_lower_bound_everywhere(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown type, and volumes that may not be read."""
    scene.heap.change("i-17", type=UNPRICED)
    _, audit = audited(scene)
    least = cents(TOTAL - MACHINE)
    assert audit.total.unknown == 1
    assert f"You pay at least ${least} a month" in html(audit)
    assert f"unknown (≥ {least})" in table.table(audit)
    assert costs_line(scene).startswith("  costs     at least $")
    assert costs_line(scene).endswith(f"${least} in 30 days")
    scene.heap.change("i-17", type="t3.small")
    unread = Inventory((), (Gap(PLACE, VOLUME, "may not be read"),))
    monkeypatch.setattr(scene.heap, "volumes", lambda _: unread)
    _, audit = audited(scene)
    assert "You pay at least $" in html(audit)
    assert costs_line(scene).startswith("  costs     at least $")
    assert costs_line(scene).endswith(f"${cents(audit.total.monthly)} in 30 days")


def test_the_waste_of_every_view(scene: Scene) -> None:
    """Plan, its JSON, the notice, the gauge, the audit; and not the disk that no sweep deletes."""
    plan, audit = audited(scene)
    waste = cents(WASTE)
    assert waste == "24.72"
    assert audit.wasted.monthly == WASTE
    told = data.as_json(audit)
    assert told["wasted"]["month"] == float(WASTE)
    assert f"wasted now ${waste} a month" in table.table(audit)
    assert f"${waste} in 30 days" in "\n".join(plan_lines(plan, Cap(), Prices()))
    [of_shop] = plan_json(plan, Cap(), Prices())["services"]
    hourly = [one["hourly"] or 0 for one in of_shop["delete"]]
    assert monthly_of(sum(hourly)) == WASTE
    said = notice(plan, NotificationHistory(), NOW, Prices())
    assert said is not None
    assert f"${waste} in 30 days" in said.text
    metrics = Metrics(Prices)
    metrics.round(Round(True, NOW, 2.0, SweepResult(plan, plan)))
    for gone in scene.sweep().outcomes:
        metrics.item(gone)
    answer = b"".join(
        metrics.application({"REQUEST_METHOD": "GET", "PATH_INFO": ""}, lambda *_: len)
    ).decode()
    for gauge in ("wasted_dollars_per_hour", "saved_dollars_per_hour_total"):
        [said_by] = re.findall(rf"^reconciler_{gauge} (\S+)$", answer, re.MULTILINE)
        assert cents(monthly_of(float(said_by))) == waste


def test_explain_has_each_figure_of_the_report(scene: Scene) -> None:
    """Resource by resource; the rest is the volumes without tags."""
    plan, audit = audited(scene)
    explained = [explain_json(plan, one, Prices())["hourly"] or 0 for one in plan.verdicts]
    untagged = [
        item.cost.monthly
        for row in audit.rows
        for item in row.items
        if item.verdict.resource.id in ("vol-root", "vol-data", "vol-extra")
    ]
    assert len(untagged) == 3
    assert monthly_of(sum(explained)) + sum(untagged, Decimal(0)) == TOTAL
    spent = {
        item.verdict.resource.id: humanize.money(item.cost.so_far)
        for row in audit.rows
        for item in row.items
        if item.cost.monthly
    }
    told = {one.resource.id: explain_json(plan, one, Prices())["answers"] for one in plan.verdicts}
    assert len([id_ for id_ in told if id_ in spent]) >= 9
    for id_, answers in told.items():
        assert id_ not in spent or f"{spent[id_]} so far" in answers["cost"], id_


def test_the_journal_saves_what_the_plan_said(scene: Scene) -> None:
    """To the cent, and a part that is not known is counted as such."""
    result = scene.sweep()
    run = SweepRun("loop", "1", NOW, NOW)
    [entry] = entries(result, Prices(), run)
    assert monthly_of(entry.per_hour or 0) == WASTE
    assert entry.unpriced == 0
    saved = savings([entry], NOW + timedelta(hours=72))
    assert cents(saved.dollars) == cents(WASTE / 10)


def test_a_part_that_is_not_known_is_saved_at_least(scene: Scene) -> None:
    """A database server of unknown price: its storage counts in plan, audit and journal."""
    scene.heap.add(
        one for one in more_things(DEAD, "v1.4.9", Label.PENDING, 41) if one.kind == RDS_INSTANCE
    )
    plan, audit = audited(scene)
    known = WASTE + 20 * Decimal("0.127")
    assert audit.wasted.monthly == known
    assert f"${cents(known)} in 30 days and what is not known" in "\n".join(
        plan_lines(plan, Cap(), Prices())
    )
    [entry] = entries(scene.sweep(), Prices(), SweepRun("loop", "1", NOW, NOW))
    assert monthly_of(entry.per_hour or 0) == known
    assert entry.unpriced == 1


def test_what_up_and_plan_say_of_live_is_its_row(scene: Scene) -> None:
    """As it will be kept for a rollback, now and parked."""
    for one in garbage():
        scene.heap.held.pop((one.kind, one.id), None)
    ports = scene.ports(park="stop")
    live = kept_release(ports, scene.plan().services[0], scene.ledger)
    now, halted = kept_costs(ports.service, live, Prices())
    _, audit = audited(scene)
    [row] = [row for row in audit.rows if row.deploy == LIVE]
    assert monthly_of(now or 0) == row.cost.monthly == ADOPTED
    assert monthly_of(halted or 0) == ADOPTED - MACHINE - ADDRESS
    costs = preview(ports).costs
    assert f"live beside it, until it is parked: ${cents(ADOPTED)} a month" in costs[1]
    assert f"then ${cents(ADOPTED - MACHINE - ADDRESS)} a month" in costs[2]
