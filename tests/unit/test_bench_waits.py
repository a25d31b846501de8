"""The figures of what people wait for, from calls that are made up."""

from __future__ import annotations

import pytest

from deployer.sandbox.aws.latency import FIGURES
from tests.bench.crowd import CHANGE, busiest
from tests.bench.paths import PATHS, Call, Stage, Wait, seconds_of
from tests.bench.waits import NOW, Figures


def _call(began: float, ended: float, action: str = "DescribeInstances") -> Call:
    return Call(began, ended, action)


def test_the_chain_is_the_longest_row_of_calls_that_waited_for_each_other() -> None:
    """Two side by side are one; who began before the other's answer did not wait for it."""
    first, beside, then, last = _call(0, 2), _call(1, 3), _call(2, 4), _call(4, 5)
    wait = Wait(6.0, [last, beside, then, first])
    assert wait.chain == [first, then, last]
    assert wait.chain_seconds == 5
    assert Wait(1.0).chain == []


def test_what_was_answered_before_the_commit_was_sent_counts() -> None:
    """The commit is the last change of the zone; what goes on beside it is not before it."""
    lease, commit = _call(1, 2, CHANGE), _call(3, 4, CHANGE)
    wait = Wait(9.0, [_call(0, 1), lease, _call(2.5, 3.5), commit, _call(4, 5)])
    assert wait.before_the_switch == 2
    assert wait.changes == [lease, commit]
    assert Wait(9.0, [_call(0, 1)]).before_the_switch == 0


def test_a_stage_takes_what_its_slowest_call_takes() -> None:
    """And stages wait for each other."""
    slow, quick = FIGURES["ec2:RunInstances"].seconds, FIGURES["ssm:GetParameter"].seconds
    both = Stage(("ssm:GetParameter", "ec2:RunInstances"), "")
    assert both.seconds == slow
    assert both.words == "GetParameter, RunInstances"
    assert seconds_of([both, Stage(("ssm:GetParameter",), "")]) == pytest.approx(slow + quick)


def test_every_path_begins_with_who_we_are() -> None:
    """Nothing is asked of an account before it is known to be the one meant."""
    assert {stages[0].calls for stages in PATHS.values()} == {("sts:GetCallerIdentity",)}


def test_the_ratio_is_to_path_and_rest_together() -> None:
    """A command that waits for nothing else has 1."""
    path = seconds_of(PATHS["status"])
    found = Figures({("status", NOW): [Wait(2 * (path + 3.0))]}, {"status": [Wait(3.0)]})
    assert found.ratio("status", NOW) == pytest.approx(2.0)


def test_the_busiest_second_is_a_window_wherever_it_begins() -> None:
    """Not one of the clock's seconds: four around a full second are four."""
    calls = [{"time": at} for at in (0.8, 0.9, 1.1, 1.7, 5.0)]
    assert busiest(calls, 1.0) == 4
    assert busiest(calls, 10.0) == 5
    assert busiest([], 1.0) == 0
