"""Every action of the policies withheld once: it is named, and nothing stays that it does not say.

`make denied` runs this; `make test` withholds what a release meets first (`test_bad_input`) and
what it makes (`tests/e2e`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.aws.iam.policy import actions, deployer, doctor
from reconciler.aws.iam.scope import GivenZones, scope
from reconciler.config.loader import load
from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.crash.unchanged_service import Grounds, last_request
from tests.support.company import TRUSTING, Done
from tests.support.unseen_actions import UNSEEN

pytestmark = [pytest.mark.denied, pytest.mark.timeout(600)]

CONFIG = Path(__file__).resolve().parents[2] / "config"
SCOPE = scope(load(CONFIG), "", GivenZones({"example.com": "Z1"}))
ALLOWED = actions(deployer(SCOPE))
CODES = {"route53": "AccessDenied", "ssm": "AccessDeniedException"}
CREATES = ("CreateImage", "RunInstances")
FREE = "sts:GetCallerIdentity"
ASKED = sorted(ALLOWED - UNSEEN.keys())
DELETES = [one for one in ASKED if one.split(":")[1].startswith(("Delete", "Dereg", "Term"))]
LABELS = "ec2:CreateTags"
LATE = ("ec2:DescribeImageAttribute", LABELS)
"""Wanted when the release is live: what is unfinished is finished by a sweep."""

STOPS = sorted({*ASKED} - {*DELETES, *LATE})


class Second(Grounds):
    """A shop with a release before the live one: every kind of thing carries its tags."""

    def _adopt(self) -> None:
        super()._adopt()
        assert self._shop is not None
        self._shop.up("v1.5.0")
        self._before = self._shop.before()


@pytest.fixture(scope="module")
def second(running_sandbox: Sandbox) -> Grounds:
    """Released once for the module, and again after a test that left something."""
    return Second(running_sandbox)


@pytest.fixture
def released(second: Grounds) -> Iterator[Shop]:
    """The shop after its first release; nothing is withheld before and after."""
    shop = second.ready()
    yield shop
    shop.faults.clear()


def withhold(shop: Shop, action: str) -> None:
    """Deny an action until the faults are cleared."""
    code = CODES.get(action.partition(":")[0], "UnauthorizedOperation")
    shop.faults.set(action, "error", code=code, status=403, times=0)


def named(done: Done, action: str) -> None:
    """The action is named, in words."""
    assert re.search(rf"{action}( on \S+)? is denied", done.out + done.err), (action, done)
    assert "Traceback" not in done.out + done.err, (action, done)


@pytest.mark.parametrize("action", STOPS)
def test_a_release_that_may_not(released: Shop, action: str) -> None:
    """What it needs before the commit: exit 6, named, everything undone; live kept its writes."""
    before, since = released.before(), last_request(released)
    withhold(released, action)
    done = released.deployer("up", "shop", "--ref", "v1.7.0")
    named(done, action)
    made = [one for one in released.faults.requests(since) if one["action"] in CREATES]
    if [one for one in made if one["status"] == 200]:
        assert "Removed: " in done.err, done
    if action.split(":")[1].startswith(("Describe", "List", "Get")):
        _looks(released, action)
    released.faults.clear()
    assert done.code == Exit.ACCESS, done
    released.assert_as_before(before)


def _looks(shop: Shop, action: str) -> None:
    """A sweep without that read changes nothing, says so, and is no success."""
    since = last_request(shop)
    swept = shop.reconciler("sweep")
    changed: list[Any] = [one for one in shop.faults.requests(since) if one["mutating"]]
    assert changed == [], (action, swept)
    if swept.code == Exit.DONE:
        asked = {f"{one['service']}:{one['action']}" for one in shop.faults.requests(since)}
        assert action not in asked, (action, swept)
        return
    assert swept.code in (Exit.DIRT, Exit.ACCESS), (action, swept)
    named(swept, action)


@pytest.mark.parametrize("action", DELETES)
def test_a_clean_up_that_may_not(released: Shop, action: str) -> None:
    """Exit 4, with what stays; a sweep says the same until it may, and then it is clean."""
    before = released.before()
    withhold(released, action)
    done = released.deployer("up", "shop", "--ref", "broken-install")
    assert done.code == Exit.DIRT, done
    named(done, action)
    left = {one for ids in released.resources().values() for one in ids} - {
        one for ids in before.resources.values() for one in ids
    }
    assert left, done
    assert [one for one in left if one in done.err], (left, done)
    _sweep_in_vain_and_then_well(released, action)
    released.assert_as_before(before)


def _sweep_in_vain_and_then_well(shop: Shop, action: str) -> None:
    """While it may not, a sweep says so; as soon as it may, it ends the work."""
    swept = shop.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    named(swept, action)
    shop.faults.clear()
    shop.ok("reconciler", "sweep")


@pytest.mark.parametrize("action", LATE)
def test_a_follow_up_that_may_not(shop: Shop, action: str) -> None:
    """Past the commit nothing is undone: exit 5, named; a sweep finishes it when it may."""
    before = shop.before()
    withhold(shop, action)
    done = shop.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.UNFINISHED, done
    named(done, action)
    _sweep_in_vain_and_then_well(shop, action)
    shop.assert_released()
    shop.assert_one_release_more(before)
    shop.assert_clean()


def test_a_hold_that_may_not_be_set_or_taken_off(released: Shop) -> None:
    """The two permissions of hold.json: exit 6, named, and the thing is as it was."""
    machine = min(released.resources()["instance"])
    unhold, word = "ec2:DeleteTags", ("reconciler", "hold", machine, "look at it")
    before = released.tags(machine)
    withhold(released, LABELS)
    _denied(released, LABELS, *word)
    assert released.tags(machine) == before
    released.faults.clear()
    released.ok(*word)
    withhold(released, unhold)
    _denied(released, unhold, "reconciler", "release", machine)
    assert released.tags(machine) == {**before, "deploy-hold": "look at it"}
    released.faults.clear()
    released.ok("reconciler", "release", machine)
    assert released.tags(machine) == before


def _denied(shop: Shop, action: str, *line: str) -> None:
    done = shop.run(*line)
    assert done.code == Exit.ACCESS, done
    named(done, action)


def test_an_adoption_that_may_not_tag(sandbox: Sandbox) -> None:
    """The one permission of adopt.json: exit 6, named; with it, the same command ends the work."""
    shop = Shop(sandbox)
    resources = shop.resources()
    withhold(shop, LABELS)
    _denied(shop, LABELS, "deployer", "adopt", "shop", *TRUSTING, "--release", "v1.4.2")
    assert (shop.resources(), shop.version()) == (resources, "v1.4.2")
    shop.faults.clear()
    shop.adopt()
    shop.assert_clean()


def test_an_ordinary_week_asks_for_nothing_else(shop: Shop) -> None:
    """Good and bad releases, a rollback, looks, a sweep: every permission is used, no other is."""
    since = last_request(shop)
    shop.up("v1.5.0")
    assert shop.deployer("up", "shop", "--ref", "broken-install").code == Exit.FAILED
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    for line in ("deployer doctor", "reconciler report", "reconciler sweep"):
        shop.run(*line.split(" "))
    asked = {f"{one['service']}:{one['action']}" for one in shop.faults.requests(since)} - {FREE}
    assert asked - ALLOWED - actions(doctor(SCOPE)) == set()
    assert ALLOWED - asked == set(UNSEEN) & ALLOWED
