"""The same where the ledger is in S3 and the record follows: each withheld action is named.

`make denied` runs this beside `test_denied`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.aws.iam.policy import actions, deployer, doctor
from reconciler.aws.iam.scope import GivenZones, scope
from reconciler.config.loader import load
from reconciler.exit_codes import Exit
from tests.crash.test_denied import CODES, FREE
from tests.e2e.in_bucket import RecordInBucket, adopted_in_bucket
from tests.support.company import Done

pytestmark = [pytest.mark.denied, pytest.mark.timeout(600)]

LEDGER = ("s3:GetObject", "s3:PutObject")
RECORD = ("route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets")


@pytest.fixture
def recorded(sandbox: Sandbox) -> Iterator[RecordInBucket]:
    """Adopted into a bucket; nothing is withheld afterwards."""
    made = adopted_in_bucket(sandbox)
    yield made
    made.sandbox.faults().clear()


def _withhold(shop: RecordInBucket, action: str) -> None:
    code = CODES.get(action.partition(":")[0], "AccessDenied")
    shop.sandbox.faults().set(action, "error", code=code, status=403, times=0)


def named(done: Done, action: str) -> None:
    """The action is named, in words; S3's with the object."""
    assert re.search(rf"{action}( (on|in) \S+)? is denied", done.out + done.err), (action, done)
    assert "Traceback" not in done.out + done.err, (action, done)


@pytest.mark.parametrize("action", [*LEDGER, *RECORD])
def test_a_release_that_may_not(recorded: RecordInBucket, action: str) -> None:
    """Exit 6, named, everything undone; a sweep changes nothing meanwhile, and is clean again."""
    first, before, at = recorded.live, recorded.resources(), recorded.pointed_at()
    _withhold(recorded, action)
    done = recorded.deployer("up", "shop", "--ref", "v1.5.0")
    named(done, action)
    assert done.code == Exit.ACCESS, done
    recorded.sandbox.faults().clear()
    assert (recorded.live, recorded.pointed_at()) == (first, at)
    assert recorded.resources() == before
    assert "lease=" not in recorded.ledger()
    recorded.ok("reconciler", "plan", "--exit-code")


@pytest.mark.parametrize("action", ["s3:PutObject", "route53:ChangeResourceRecordSets"])
def test_what_is_withheld_in_the_middle(recorded: RecordInBucket, action: str) -> None:
    """From the freeze on: undone, or finished by a sweep as soon as it may."""
    first = recorded.live
    with recorded.releasing("v1.5.0") as release:
        release.wait_for_step("migrate")
        _withhold(recorded, action)
        done = release.finish()
    assert done.code != Exit.DONE, done
    named(done, action)
    recorded.sandbox.faults().clear()
    if recorded.live == first:
        recorded.let_lease_end()
    recorded.ok("reconciler", "sweep")
    assert recorded.version() == ("v1.4.2" if recorded.live == first else "v1.5.0")
    recorded.ok("reconciler", "plan", "--exit-code")


def test_an_ordinary_life_asks_for_nothing_else(recorded: RecordInBucket) -> None:
    """A release, a rollback, a sweep: everything that is asked for stands in the policies."""
    settings = load(recorded.service_file().parent.parent)
    scope_ = scope(settings, "", GivenZones({"example.test": recorded.zone_id()}))
    since = max(one["seq"] for one in recorded.sandbox.faults().requests())
    recorded.up("v1.5.0")
    recorded.ok("deployer", "rollback", "shop", "--discard-writes")
    for line in ("deployer doctor", "reconciler report", "reconciler sweep"):
        recorded.run(*line.split(" "))
    every = recorded.sandbox.faults().requests(since)
    asked = {f"{one['service']}:{one['action']}" for one in every} - {FREE}
    assert asked - actions(deployer(scope_)) - actions(doctor(scope_)) == set()
    assert {*LEDGER, *RECORD} <= asked
