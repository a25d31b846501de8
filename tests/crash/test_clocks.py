"""Clocks that are wrong: "now" is the Date of AWS's answer, and nothing else is asked."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta

import pytest

from reconciler.exit_codes import Exit
from tests.crash.fault_injection import CLOCK
from tests.crash.invariants import Before
from tests.crash.matrix.command import SWEEP, UP, play
from tests.crash.matrix.stage import MACHINES, Stage
from tests.crash.proxies import Blow, Fault

pytestmark = [pytest.mark.timeout(300), pytest.mark.crash]

DAY = 86_400
AHEAD, BEHIND = pytest.param(DAY, id="ahead"), pytest.param(-DAY, id="behind")


@pytest.fixture
def before(stage: Stage) -> Before:
    """The stage, adopted; how it stands."""
    stage.set_up()
    stage.adopt()
    return stage.before()


@pytest.mark.parametrize("off", [AHEAD, BEHIND])
def test_a_deployer_whose_clock_is_wrong_releases(
    stage: Stage, before: Before, off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any other; its id is born, and its lease ends, by AWS's clock."""
    monkeypatch.setenv(CLOCK, str(off))
    done = play(stage, UP)
    assert done.code == Exit.DONE, done
    stage.assert_released()
    stage.assert_one_release_more(before, MACHINES)
    born = re.search(r"/(\d{8}T\d{6})Z-", stage.live_id())
    assert born
    by_aws = datetime.strptime(f"{born[1]}Z", "%Y%m%dT%H%M%S%z")
    assert abs(stage.aws_door.now - by_aws) < timedelta(minutes=10)


@pytest.mark.parametrize("off", [AHEAD, BEHIND])
def test_a_reconciler_whose_clock_is_wrong_ends_no_lease_early_or_late(
    stage: Stage, before: Before, off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the lease lasts it touches nothing; when it is over, by AWS's clock, it sweeps."""
    killed = play(stage, UP, Blow("RunInstances", Fault.KILL_AFTER))
    assert killed.code < 0, killed
    made = stage.resources()
    monkeypatch.setenv(CLOCK, str(off))
    early = play(stage, SWEEP)
    assert (early.code, stage.resources()) == (Exit.DONE, made), early
    assert "lease=" in stage.ledger()
    stage.later()
    late = play(stage, SWEEP)
    assert late.code == Exit.DONE, late
    stage.assert_as_before(before)


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(
    ("off", "code", "words"),
    [
        (DAY, Exit.ACCESS, "✗ shop     clock       the clock of this computer is"),
        (-120, Exit.DONE, "! shop     clock       the clock of this computer is"),
    ],
)
def test_doctor_says_by_how_much(
    stage: Stage, off: int, code: Exit, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found before AWS refuses a signature: a failure where it would, else a warning."""
    monkeypatch.setenv(CLOCK, str(off))
    done = play(stage, ("deployer", "doctor", "shop"))
    assert done.code == code, done
    assert words in done.out
    assert ("ahead of AWS" if off > 0 else "behind AWS") in done.out
    assert "timedatectl set-ntp true" in done.out


def test_a_refused_signature_is_said_in_words(
    stage: Stage, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where AWS refuses what was signed by such a clock: one line names the clock; nothing done."""
    stage.aws_door.strict_clock = True
    for off, words in itertools.product((DAY, -DAY), (UP, SWEEP)):
        monkeypatch.setenv(CLOCK, str(off))
        done = play(stage, words)
        assert done.code == Exit.ACCESS, done
        said = f"{done.out}{done.err}"
        assert "clock" in said
        assert "Traceback" not in said
        assert stage.watch.names == []
    stage.assert_as_before(before)
