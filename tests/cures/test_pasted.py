"""Each cure that changes anything is pasted, in the state in which it is offered.

What stands in a help text, and what only looks, is parsed by `tests/test_cures.py`. All others of
the inventory are here, or in `elsewhere.py` with the test that pastes them or the reason why none
does: whoever writes a new one has to choose.
"""

from __future__ import annotations

import re

import pytest

from reconciler.model.resource import INSTANCE
from reconciler.model.tags import ID
from tests.cures import (
    begun,
    databases,
    edges,
    elsewhere,
    homes,
    lease,
    ledger,
    persons,
    sweeps,
    traffic,
)
from tests.cures.case import EVERY, Case, first_line
from tests.cures.desk import Desk
from tests.support.cures import ROOT

CASES: tuple[Case, ...] = (
    *lease.CASES,
    *ledger.CASES,
    *homes.CASES,
    *sweeps.CASES,
    *databases.CASES,
    *traffic.CASES,
    *persons.CASES,
    *begun.CASES,
    *edges.CASES,
)


def adopted(desk: Desk) -> str:
    """The deploy-id that the machine made by hand was given; '' where there is none."""
    found = desk.scene.heap.held.get((INSTANCE, ledger.MACHINE.id))
    return found.tags.get(ID, "") if found else ""


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name)
def test_the_pasted_cure_helps(desk: Desk, case: Case) -> None:
    """It is offered by the function that the inventory names; it does what it says.

    Afterwards `status` exits 0, or names another cause.
    """
    case.bring(desk)
    before = desk.types("deployer status shop")
    answer = desk.types(case.typed)
    assert case.offers(), f"not in the inventory: {case.made_by} | {case.pasted}"
    assert case.made_by.endswith("::") or case.made_by in answer.called, answer.text
    pasted = case.filled_in.replace("{adopted}", adopted(desk))
    shown = case.pasted.replace("{adopted}", adopted(desk))
    offered = rf"(?:^|\s|`){re.escape(shown)}(?:$|\s\s|`|,)"
    assert re.search(offered, answer.text, re.MULTILINE), answer.text
    case.first(desk)
    done = desk.types(pasted)
    assert done.under_way or done.code == case.exits, done.text
    case.later(desk)
    after = desk.types("deployer status shop")
    assert after.code == 0 or first_line(after.text) != first_line(before.text), after.text


def test_every_cure_is_pasted_or_says_why_not() -> None:
    """The inventory of the source, in three parts: pasted here, pasted elsewhere, not pasted."""
    here = {offer.key for case in CASES for offer in case.offers()}
    why = [key for keys in elsewhere.NOT_PASTED.values() for key in keys]
    acts = {one.key for one in EVERY if not (one.example or one.looks)}
    assert sorted(acts - here - {*elsewhere.PASTED_BY, *why}) == [], "neither pasted nor explained"
    assert sorted({*elsewhere.PASTED_BY, *why} - acts) == [], "offered no more"
    assert sorted(here & {*elsewhere.PASTED_BY, *why}) == [], "pasted after all"
    assert len(why) == len(set(why))
    assert len(here) > len(why)


def test_the_tests_that_paste_elsewhere_are_there() -> None:
    """By file and name below tests/."""
    for named in elsewhere.PASTED_BY.values():
        file, _, name = named.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
