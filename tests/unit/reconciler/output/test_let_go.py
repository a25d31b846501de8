"""What is said of an adopted machine that no release is any more: what, for how much, and how."""

from __future__ import annotations

from dataclasses import replace

from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Reason, Role, Verdict
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE, VOLUME
from reconciler.output.let_go import let_go_lines
from tests.support.shop_world import ALL, OLD

MACHINE = next(one for one in ALL if one.kind == INSTANCE and one.deploy == OLD)
DISK = next(one for one in ALL if one.kind == VOLUME and one.deploy == OLD)
ADOPTED = replace(MACHINE, tags={**MACHINE.tags, t.HOLD: t.HELD_BY_ADOPTION})


def test_it_is_named_with_its_price_and_its_command() -> None:
    """Two lines, and the command is that of its own deploy."""
    first, second = let_go_lines([Verdict(ADOPTED, Reason.HELD, "adopted")], Prices())
    assert first.startswith("i-9 was adopted and is no release any more (running, $0.0")
    assert first.endswith("no deploy made it, so no sweep deletes it")
    assert second == f"To let it go         deployer retire {OLD}"


def test_nothing_is_said_of_what_a_deploy_made_or_somebody_needs() -> None:
    """Held by people, still previous, or no machine: nobody is to let it go."""
    by_people = replace(MACHINE, tags={**MACHINE.tags, t.HOLD: "a ticket"})
    disk = replace(DISK, tags={**DISK.tags, t.HOLD: t.HELD_BY_ADOPTION})
    verdicts = (
        Verdict(by_people, Reason.HELD, "held"),
        Verdict(ADOPTED, Role.PREVIOUS, "previous"),
        Verdict(disk, Reason.HELD, "adopted"),
    )
    assert let_go_lines(verdicts, Prices()) == []
    assert let_go_lines([], Prices()) == []
