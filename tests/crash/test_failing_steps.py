"""A release fails in each of its steps: the live service serves, and nothing is left behind.

Each failure is caused as the world would cause it; nothing of the product is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import (
    COMMIT,
    LIVE_DATABASE,
    NEW,
    STEPS,
    SWAP,
    Shop,
    failed_step,
    query,
    swap_record,
)

pytestmark = pytest.mark.timeout(300)

Cause = Callable[[Shop], AbstractContextManager[None]]


@dataclass(frozen=True)
class Failure:
    """Where a release fails, what causes it, and how the command ends."""

    step: str
    cause: Cause
    ref: str = NEW
    code: Exit = Exit.FAILED
    more: str = ""

    def __str__(self) -> str:
        return f"{self.step}{self.more}"


def _refuse(action: str, code: str = "InvalidParameterValue", **more: Any) -> Cause:
    """AWS says no, once unless told otherwise, and nothing was done."""

    @contextmanager
    def cause(shop: Shop) -> Iterator[None]:
        shop.faults.set(action, "error", code=code, **more)
        yield

    return cause


def _configure(line: str, to: str) -> Cause:
    @contextmanager
    def cause(shop: Shop) -> Iterator[None]:
        shop.configure(line, to)
        yield

    return cause


_DISABLED = "/etc/cloud/cloud-init.disabled"


@contextmanager
def _no_cloud_init(shop: Shop) -> Iterator[None]:
    """The image carries what keeps cloud-init from its work: the clone shows live's host key."""
    before, after = f"touch {_DISABLED}", f"rm -f {_DISABLED}"
    shop.append(f'\n[image]\nbefore = ["{before}"]\nafter = ["{after}"]\n')
    yield


@contextmanager
def _unit_that_fails(shop: Shop) -> Iterator[None]:
    """What the release installs keeps its unit from coming up."""
    folder = "/etc/systemd/system/shop.service.d"
    lines = ("[Service]", "Type=oneshot", "ExecStart=", "ExecStart=/bin/false")
    echoes = "; ".join(f"echo {one}" for one in lines)
    write = f"mkdir -p {folder} && ({echoes}) > {folder}/fails.conf"
    shop.configure(r"^install = .*$", f'install = ["{write}"]')
    yield


@contextmanager
def _broken_release(_: Shop) -> Iterator[None]:
    yield


@contextmanager
def _open_writer(shop: Shop) -> Iterator[None]:
    """A client sits in a transaction that has written, longer than we care to wait."""
    shop.configure(r"^engine   = ", 'max_wait = "1s"\nengine   = ')
    with shop.open_writer():
        yield


@contextmanager
def _another_answer(shop: Shop) -> Iterator[None]:
    shop.configure(r"^tries  = 100$", "tries  = 2")
    shop.configure(r"^expect = 200$", "expect = 418")
    yield


@contextmanager
def _few_tries(shop: Shop) -> Iterator[None]:
    shop.configure(r"^tries  = 100$", "tries  = 2")
    yield


_USER = (r'^user = "ubuntu"$', 'user = "nobody-here"')
_UNIT = (r'^units    = \["shop"\]$', 'units    = ["shop", "no-unit"]')
NO_CAPACITY = "InsufficientInstanceCapacity"
FAILURES = (
    Failure("guard", _refuse("DescribeTags", "UnauthorizedOperation", times=0), code=Exit.ACCESS),
    Failure("lease", _refuse(SWAP, "InvalidInput")),
    Failure("image", _refuse("CreateImage")),
    Failure("launch", _refuse("RunInstances")),
    Failure("launch", _refuse("RunInstances", NO_CAPACITY, status=500), more=", no capacity"),
    Failure("guard", _configure(*_USER), code=Exit.REFUSED, more=", no such user"),
    Failure("guard", _configure(*_UNIT), code=Exit.REFUSED, more=", no such unit"),
    Failure("connect", _no_cloud_init),
    Failure("code", _broken_release, ref="broken-install"),
    Failure("database", _open_writer),
    Failure("migrate", _broken_release, ref="broken-migrate"),
    Failure("start", _unit_that_fails),
    Failure("smoke", _few_tries, ref="broken-smoke"),
    Failure("smoke", _another_answer, more=", another answer"),
    Failure("commit", _refuse(SWAP, "InvalidInput", skip=COMMIT)),
)


def test_no_step_is_forgotten() -> None:
    """The cases name every step there is; the follow-up has tests of its own below."""
    assert {one.step for one in FAILURES} == set(STEPS) - {"follow-up"}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failing_step_leaves_nothing(shop: Shop, failure: Failure) -> None:
    """The old release serves and takes writes, and AWS and PostgreSQL hold what they held."""
    before = shop.before()
    with failure.cause(shop), shop.releasing(failure.ref) as release:
        done = release.finish()
    assert (failed_step(done), done.code) == (failure.step, failure.code), done
    shop.assert_as_before(before)


def test_a_record_moved_by_people_stays_moved(shop: Shop) -> None:
    """Somebody points the record elsewhere during a release: it fails, and they keep their way."""
    before = shop.before()
    (old,) = before.pointed_at
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        swap_record(shop, "shop.example.test", "A", ("127.99.0.1",))
        done = release.finish()
    assert (failed_step(done), done.code) == ("commit", Exit.FAILED), done
    assert shop.pointed_at() == ("127.99.0.1",)
    refused = shop.deployer("up", "shop")
    assert (refused.code, "somebody moved it" in refused.err) == (Exit.REFUSED, True), refused
    swap_record(shop, "shop.example.test", "A", (old,))
    shop.assert_as_before(before)


def test_a_schema_changed_under_the_freeze_is_no_commit(shop: Shop) -> None:
    """Privileges do not bind an owner's DDL: the last check before the commit sees it."""
    before = shop.before()
    with shop.releasing() as release:
        release.wait_for_step("migrate")
        query(shop, LIVE_DATABASE, "SET ROLE shop; ALTER TABLE orders ADD COLUMN sneaked_in int")
        done = release.finish()
    assert (failed_step(done), done.code) == ("commit", Exit.FAILED), done
    shop.assert_as_before(before)


def test_a_failing_follow_up_is_finished_by_the_next_sweep(shop: Shop) -> None:
    """Live has switched, nothing of the new release is deleted, exit 5; then a sweep ends it."""
    before = shop.before()
    shop.faults.set("CreateTags", "error", code="UnauthorizedOperation", status=403, times=0)
    with shop.releasing() as release:
        done = release.finish()
    assert done.code == Exit.UNFINISHED, done
    assert "reconciler sweep" in done.events[-1]["cure"]
    shop.assert_released()
    shop.assert_one_release_more(before)
    assert shop.deployer("status", "shop", "--exit-code").code == Exit.TO_DO
    shop.faults.clear()
    shop.ok("reconciler", "sweep")
    shop.assert_clean()
    shop.assert_one_release_more(before)
    shop.assert_released()


LOST = {
    "image": ("CreateImage", {}),
    "launch": ("RunInstances", {}),
    "lease taken": (SWAP, {}),
    "lease renewed": (SWAP, {"skip": COMMIT // 2}),
    "commit": (SWAP, {"skip": COMMIT}),
    "every swap": (SWAP, {"times": 0}),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_reply_is_answered_by_reading(shop: Shop, lost: str) -> None:
    """What was done counts although nobody heard so: released, and nothing is there twice."""
    before = shop.before()
    action, more = LOST[lost]
    shop.faults.set(action, "drop_reply", **more)
    with shop.releasing() as release:
        done = release.finish()
    shop.faults.clear()
    assert done.code == Exit.DONE, done
    shop.assert_released()
    shop.assert_one_release_more(before)
    shop.assert_clean()


@pytest.mark.parametrize("action", ["CreateImage", "RunInstances"])
def test_a_create_that_was_done_unheard_is_undone(shop: Shop, action: str) -> None:
    """The reply is lost and every repetition is refused: it is found, and nothing leaks."""
    before = shop.before()
    shop.faults.set(action, "drop_reply")
    shop.faults.set(action, "error", code="InvalidParameterValue", times=0)
    shop.configure(r'^install = \["./bin/install"\]$', 'install = ["false"]')
    with shop.releasing() as release:
        done = release.finish()
    assert done.code == Exit.FAILED, done
    shop.assert_as_before(before)


def test_a_commit_refused_and_a_clean_up_under_throttling(shop: Shop) -> None:
    """While AWS refuses half of what is asked, the clean-up takes longer and leaves nothing."""
    before = shop.before()
    shop.faults.set("TerminateInstances", "throttle", times=3)
    shop.faults.set("DeregisterImage", "error500", times=2)
    shop.faults.set("DeleteSnapshot", "drop_reply", times=1)
    with shop.releasing("broken-migrate") as release:
        done = release.finish()
    assert done.code == Exit.FAILED, done
    shop.assert_as_before(before)
