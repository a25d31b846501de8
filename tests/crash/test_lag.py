"""What was made is not listed yet: describes and tags lag behind, as AWS says that they may.

`make crash` plays this with lags of up to 30 s.
"""

from __future__ import annotations

import time

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Before, wait_for
from tests.crash.matrix.command import SWEEP, UP, play
from tests.crash.matrix.stage import MACHINES, Stage
from tests.crash.proxies import Blow, Fault

pytestmark = [pytest.mark.timeout(400), pytest.mark.crash]

LAGS = (0.0, 5.0, 30.0)


def _adopted(stage: Stage, lag: float) -> Before:
    """The shop, adopted as long ago as it takes for that to be listed; how it stands."""
    stage.set_up()
    stage.adopt()
    before = stage.before()
    stage.faults.lag(lag)
    (machine,) = before.resources["instance"]
    wait_for(lambda: "deploy-state" in stage.tags(machine), lag + 30)
    return before


@pytest.mark.parametrize("lag", LAGS)
def test_a_release_goes_through_whatever_is_listed_late(stage: Stage, lag: float) -> None:
    """It waits for what it made, and makes nothing twice."""
    before = _adopted(stage, lag)
    done = play(stage, UP)
    stage.faults.lag(0)
    assert done.code == Exit.DONE, done
    stage.assert_released()
    stage.assert_one_release_more(before, MACHINES)
    stage.assert_clean()


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("request_name", ["CreateImage", "RunInstances"])
def test_an_undo_finds_what_is_listed_late(stage: Stage, request_name: str, lag: float) -> None:
    """The create's answer is lost, and the release fails at once; nothing stays behind."""
    before = _adopted(stage, lag)
    stage.configure(r'^install = \["./bin/install"\]$', 'install = ["false"]')
    done = play(stage, UP, Blow(request_name, Fault.LOST))
    assert done.code in (Exit.FAILED, Exit.DIRT), done
    stage.faults.lag(0)
    if done.code == Exit.DIRT:
        swept = play(stage, SWEEP)
        assert swept.code == Exit.DONE, swept
    stage.assert_as_before(before)


@pytest.mark.parametrize("lag", LAGS)
def test_what_a_sweep_does_not_see_yet_the_next_one_removes(stage: Stage, lag: float) -> None:
    """Killed right after the launch: garbage is stable, however late it is listed."""
    before = _adopted(stage, lag)
    killed = play(stage, UP, Blow("RunInstances", Fault.KILL_AFTER))
    assert killed.code < 0, killed
    born = time.monotonic()
    stage.later()
    early = play(stage, SWEEP)
    assert early.code in (Exit.DONE, Exit.DIRT), early
    wait_for(lambda: time.monotonic() > born + lag, lag + 5)
    late = play(stage, SWEEP)
    assert late.code == Exit.DONE, late
    stage.faults.lag(0)
    stage.assert_as_before(before)
