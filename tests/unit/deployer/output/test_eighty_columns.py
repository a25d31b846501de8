"""`status`, `report`, both `plan`s of a rich world at 80 columns: nothing wider, nothing cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.status import status
from deployer.output.journal.history import history_lines
from deployer.output.preview import preview_lines
from deployer.output.status import status_lines
from deployer.release.preview import preview
from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger, Live, Previous, Via
from reconciler.model.resource import DATABASE, INSTANCE, VOLUME, Gap, Resource
from reconciler.model.tags import Label
from reconciler.output.audit.table import table
from reconciler.output.plan import plan_lines
from reconciler.plan.circuit_breaker import Cap
from reconciler.ports.fleet import Fleet
from reconciler.sweep.attached_volumes import attached_volumes
from reconciler.sweep.runner import make_plan
from reconciler.util import line_writer
from reconciler.util.humanize import wrapped
from reconciler.util.line_writer import on_screen
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, DEAD, LEDGER, LIVE, NOW, OLD, PLACE, UNITS, more_things

WIDTH = 80
RELEASE = "v2026.11.23-checkout-with-two-payment-providers-rc14"
ELASTIC = ("192.0.2.101", "192.0.2.102", "192.0.2.103")
ADDRESSES = tuple(f"10.100.{n}.117" for n in (101, 102, 103))
DATABASE_ID = DEAD.database_name(LEDGER)
UNREAD = "UnauthorizedOperation: You are not authorized to perform ec2:DescribeVolumes"


def as_long_as_in_aws(text: str) -> str:
    """An id with the 17 digits that EC2's have."""
    return re.sub(
        r"^(i|ami|vol|eni|snap|eipalloc|sg|lt|key)-(\d+)$",
        lambda found: f"{found[1]}-{int(found[2]):017x}",
        text,
    )


def long(one: Resource, release: str) -> Resource:
    """A resource with ids as in AWS, of a release with a long name."""
    return replace(
        one,
        id=as_long_as_in_aws(one.id),
        uses=tuple(map(as_long_as_in_aws, one.uses)),
        used_by=tuple(map(as_long_as_in_aws, one.used_by)),
        source=as_long_as_in_aws(one.source),
        tags={**one.tags, t.RELEASE: release},
    )


def live() -> list[Resource]:
    """Three machines at Elastic IPs, and their database."""
    own = [one for one in ALL if one.deploy == LIVE]
    [machine] = [one for one in own if one.kind == INSTANCE]
    machines = [
        replace(
            machine,
            id=f"i-{number}",
            addresses=(ADDRESSES[number - 101],),
            public=(ELASTIC[number - 101],),
            elastic=(ELASTIC[number - 101],),
            uses=(),
        )
        for number in (101, 102, 103)
    ]
    return [*machines, *(one for one in own if one.kind == DATABASE)]


def rich() -> list[Resource]:
    """That, a parked release, and garbage of every kind."""
    old = [
        replace(one, state="stopped", tags={**one.tags, t.UNITS: f"{UNITS} parked"})
        if one.kind == INSTANCE
        else one
        for one in ALL
        if one.deploy == OLD
    ]
    dead = [one for one in ALL if one.deploy == DEAD]
    more = more_things(DEAD, "v1.4.9", Label.PENDING, 41)
    return [
        *(long(one, RELEASE) for one in live()),
        *(long(one, f"{RELEASE}-before") for one in old),
        *(long(one, f"{RELEASE}-dead") for one in [*dead, *more]),
    ]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """All of it behind the fakes."""
    ledger = Ledger(
        gen=1044,
        live=Live(LIVE, ADDRESSES, via=Via.PRIVATE),
        previous=(Previous(OLD, NOW - timedelta(minutes=70), count=1, via=Via.PRIVATE),),
    )
    return Scene(tmp_path, rich(), ledger)


def fits(lines: Sequence[str], *facts: str) -> None:
    """At 80 columns they are the same words, none of them cut, and the facts are among them."""
    assert any(len(line) > WIDTH for line in lines), "nothing has to be broken"
    fitted = wrapped(lines, WIDTH)
    assert [line for line in fitted if len(line) > WIDTH] == []
    whole = " ".join(" ".join(fitted).split())
    assert whole == " ".join(" ".join(lines).split())
    assert [fact for fact in facts if fact not in whole] == []
    commands = [line for line in lines if "   deployer " in line or "   reconciler " in line]
    assert [one for one in commands if one.split("   ")[-1] not in "\n".join(fitted)] == []


def test_status_fits(scene: Scene) -> None:
    """Addresses, amounts, ids and ages; both releases with their whole names."""
    found = status(scene.ports())
    facts = (*ADDRESSES, "TTL 60 s", "generation 1044", "at least $0.1304/h, $93.91 in 30 days")
    releases = (f"live {RELEASE} went", f"previous {RELEASE}-before retired", str(LIVE), str(OLD))
    left = ("left behind: 13 resources", "≤ $0.0006/h", "unknown (at least $0.0035/h)", DATABASE_ID)
    fits(status_lines(found), *facts, *releases, *left, "1 machine parked, database shut")
    fits(history_lines(found, None), str(LIVE), str(OLD), f"released {RELEASE} by ci@build-8812")


def test_the_plan_of_a_sweep_fits(scene: Scene) -> None:
    """Every resource with its id, its release and its price; verbose, too."""
    plan = scene.plan()
    doomed = [each.resource.id for each in plan.deletes]
    assert len(doomed) == 13
    facts = ("saves up to $0.0405/h, $29.16 in 30 days", "(cap 10)", f"{RELEASE}-dead not in")
    for verbose in (False, True):
        lines = plan_lines(plan, Cap(), Prices(), verbose=verbose)
        fits(lines, *doomed, *facts, "i-00000000000000029", "$0.0278/h", "unknown (at least")


def test_the_plan_of_a_release_fits(scene: Scene) -> None:
    """What is inferred, what it costs, why it would be refused, and the way on."""
    fits(
        preview_lines(preview(scene.ports())),
        f"(live: {RELEASE})",
        "as i-00000000000000065",
        "$60.05 a month ($0.0834/h)",
        "Left behind, at least $0.0405/h",
        "deployer rehearse shop",
        DATABASE_ID,
    )


def test_the_report_fits(scene: Scene) -> None:
    """Its table leaves columns out; the orphans below it are broken, with every price whole."""
    fleet = Fleet.of(scene.managed)
    plan = make_plan(fleet)
    audit = report(plan, Prices(), volumes=attached_volumes(plan, fleet.inventories))
    text = table(audit, width=WIDTH)
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    whole = " ".join(text.split())
    for one in plan.deletes:
        assert f"{one.resource.kind} {one.resource.id} garbage" in whole
    for fact in ("60.05", "unknown (≥ 93.91)", "unknown (at least $0.0035/h)", "≤ $0.0026/h"):
        assert fact in whole


def test_what_could_not_be_read_fits(scene: Scene) -> None:
    """A long answer of AWS."""
    scene.heap.gaps.append(Gap(PLACE, VOLUME, UNREAD))
    fits(status_lines(status(scene.ports())), UNREAD, str(PLACE), "deployer recover shop")
    fits(plan_lines(scene.plan(), Cap(), Prices()), UNREAD, str(PLACE), "nothing of shop will be")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_lines_of_its_width(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """A pipe has every line whole; a word that is wider than the terminal has a line of its own."""
    lines = status_lines(status(scene.ports()))
    assert on_screen(lines) == "\n".join(lines)
    monkeypatch.setattr(line_writer, "terminal_width", lambda: width)
    wide = [line for line in on_screen(lines).splitlines() if len(line) > width]
    assert [line for line in wide if " " in line.strip() or width >= WIDTH] == []


def test_a_resource_without_facts_has_no_comma(scene: Scene) -> None:
    """A security group has neither type, size nor state."""
    [line] = [one for one in status(scene.ports()).dirt if one.startswith("security-group")]
    assert line == "security-group    sg-00000000000000029  45m ago"
