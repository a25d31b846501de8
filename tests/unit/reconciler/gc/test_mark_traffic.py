"""Mark where traffic follows the ledger: target groups, and who gets requests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.gc.mark import mark, problems, settled
from reconciler.gc.verdict import Reason, Role, Root
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger
from reconciler.model.resource import Inventory, Resource
from reconciler.model.tags import Label
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    EVIDENCE,
    LISTENER,
    LIVE,
    OLD,
    root,
    target_group,
)

LIVES, DEADS = target_group(LIVE, Label.LIVE, 17), target_group(DEAD, Label.PENDING, 41)
PAST = {t.DRAINED: "20261123T031502Z"}
OLDS = target_group(OLD, Label.LIVE, 9)
OVER = replace(OLDS, tags={**OLDS.tags, **PAST})


def behind(serving: Resource, ledger: Ledger = CLEAN, *targets: str) -> Root:
    """Shop behind a listener that sends all requests to this group, with these targets."""
    share = Share(serving.id, 1, serving.tags, targets, serving.deploy, serving.deploy)
    return replace(root(ledger), traffic=TrafficReading((TrafficRoute(LISTENER, (share,)),)))


def reasons(root: Root, *groups: Resource) -> dict[str, Role | Reason]:
    """The reason of each resource, by id."""
    found = mark(Inventory((*ALL, *groups)), {"shop": root})
    return {one.resource.id: one.reason for one in found}


@pytest.mark.parametrize(
    ("group", "ledger", "reason"),
    [
        (DEADS, CLEAN, Reason.UNROOTED),
        (DEADS, EVIDENCE, Role.KEPT),
        (OLDS, CLEAN, Reason.DRAINING),
        (OVER, CLEAN, Reason.UNROOTED),
        (replace(OVER, tags={**OVER.tags, t.HOLD: "ann looks at it"}), CLEAN, Reason.HELD),
        (replace(OVER, name="hers"), CLEAN, Reason.LOOK_ALIKE),
    ],
    ids=["dead", "evidence", "drains", "drained", "held", "look-alike"],
)
def test_each_group(group: Resource, ledger: Ledger, reason: Role | Reason) -> None:
    """A group of a rooted deploy may go, but for evidence, and what people hold."""
    assert reasons(behind(LIVES, ledger), group, LIVES)[group.id] is reason


def test_rule_9_who_gets_requests_is_a_witness() -> None:
    """Whatever the ledger says: the whole deploy stays."""
    found = reasons(behind(LIVES, CLEAN, "i-17", "i-41"), LIVES)
    assert (found["i-41"], found["ami-41"]) == (Reason.WITNESSED, Reason.WITNESSED)
    found = reasons(behind(LIVES, CLEAN, "i-17"), LIVES)
    assert found["i-41"] is Reason.UNROOTED


@pytest.mark.parametrize(("label", "known"), [("live", False), ("pending", True)])
def test_requests_to_another_deploy_make_the_service_unknown(label: str, *, known: bool) -> None:
    """After the label somebody moved them; before it the switch is still due."""

    def labelled(one: Resource) -> Resource:
        more: dict[str, Any] = {t.STATE: label} if one.id == "i-17" else {}
        return replace(one, tags={**one.tags, **more})

    inventory = Inventory((*map(labelled, ALL), OLDS, LIVES))
    found = problems(inventory, {"shop": behind(OLDS)})
    assert found == {} if known else str(OLD) in found["shop"]


def test_rule_16_a_held_group_holds_its_machines() -> None:
    """A late request may name it: its clients would find nobody."""
    held = replace(DEADS, tags={**DEADS.tags, t.HOLD: "ask Ann"})
    found = reasons(behind(LIVES), held, LIVES)
    assert (found[held.id], found["i-41"]) == (Reason.HELD, Reason.IN_USE)


@pytest.mark.parametrize(
    ("ledger", "fence", "cure"),
    [
        (CLEAN, 0, "deployer traffic shop --follow"),
        (Ledger(0), 0, ""),
        (CLEAN, CLEAN.gen + 1, ""),
    ],
    ids=["moved", "no ledger", "an older ledger"],
)
def test_rule_6_traffic_follows_no_ledger_that_is_in_doubt(
    ledger: Ledger, fence: int, cure: str
) -> None:
    """It would be given to who was live once: `recover` writes the ledger anew, and comes first."""
    led = replace(behind(OLDS, ledger), fence=fence)
    found = settled(Inventory((*ALL, OLDS, LIVES)), {"shop": led})["shop"]
    assert found.problem
    assert found.cure.endswith(cure) if cure else "traffic" not in found.cure
