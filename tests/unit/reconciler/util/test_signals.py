"""Signals: the first undoes, a second Ctrl-C leaves at once. Real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.util.signals import ONE_PRESS, Interrupted, handled, held_back, pending

PRELUDE = """
import os, sys, time, signal, threading
from reconciler.util.signals import Interrupted, announce_by, handled, held_back, pending
def say(text): print(text, flush=True)
def words(): return "may be left: reconciler sweep"
"""


@contextmanager
def child(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has said `ready`; killed if the test leaves it."""
    code = PRELUDE + textwrap.dedent(program)
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_is_raised_out_of_a_blocking_call(signum: signal.Signals) -> None:
    """The clean-up runs, and the exception says which signal it was."""
    program = """
    try:
        with handled(words):
            say("ready")
            threading.Event().wait()
    except Interrupted as stop:
        say(f"cleaned up after {stop.signum}")
    """
    with child(program) as process:
        process.send_signal(signum)
        out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == (f"cleaned up after {signum.value}\n", "", 0)


CLEANING = """
    with handled(words):
        try:
            say("ready")
            threading.Event().wait()
        finally:
            say("cleaning")
            threading.Thread(target=threading.Event().wait).start()
            while not os.path.exists(sys.argv[1]):
                time.sleep(0.01)
            say("cleaned up")
            os._exit(0)
    """


@contextmanager
def cleaning(first: signal.Signals, until: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose clean-up after `first` goes on until the file exists."""
    with child(CLEANING, str(until)) as process:
        process.send_signal(first)
        assert process.stdout is not None
        assert process.stdout.readline() == "cleaning\n"
        yield process


def test_a_second_ctrl_c_leaves_at_once_and_says_what_may_be_left(tmp_path: Path) -> None:
    """A clean-up that hangs can be left; no handler, no thread and no finally holds it up."""
    with cleaning(signal.SIGINT, tmp_path / "never") as process:
        threading.Event().wait(2 * ONE_PRESS)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGINT
    assert err.strip() == "may be left: reconciler sweep"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (signal.SIGINT, signal.SIGTERM, "one more Ctrl-C leaves at once"),
        (signal.SIGTERM, signal.SIGTERM, "Ctrl-C twice leaves at once"),
        (signal.SIGTERM, signal.SIGINT, "one more Ctrl-C leaves at once"),
        (signal.SIGINT, signal.SIGHUP, "one more Ctrl-C leaves at once"),
    ],
)
def test_any_other_signal_is_the_same_request(
    tmp_path: Path, first: signal.Signals, second: signal.Signals, said: str
) -> None:
    """CI sends SIGINT and SIGTERM 7.5 s later: that ends no clean-up, and it is said."""
    done = tmp_path / "done"
    with cleaning(first, done) as process:
        process.send_signal(second)
        assert process.stderr is not None
        told = process.stderr.readline()
        done.touch()
        out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == ("cleaned up\n", 0)
    assert told == f"{second.name}: already cleaning up since {first.name}; {said}\n"


def test_held_back_until_the_moment_is_over() -> None:
    """What must not be torn apart ends first; then the signal is raised."""
    program = """
    try:
        with handled(words):
            with held_back("the swap"):
                say("ready")
                while not pending():
                    time.sleep(0.01)
                say("whole")
            say("never said")
    except Interrupted:
        say("then stopped")
    """
    with child(program) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert out == "whole\nthen stopped\n"
    assert err == "Stopping; waiting for the swap …\n"  # at once: nobody has to press again


def test_a_view_says_itself_what_a_signal_waits_for() -> None:
    """Whoever draws the terminal is told, and nothing is written into the picture."""
    program = """
    told = []
    try:
        with handled(words):
            announce_by(told.append)
            with held_back("CreateImage"):
                say("ready")
                while not pending():
                    time.sleep(0.01)
    except Interrupted:
        say(told)
    """
    with child(program) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (out, err) == ("['Stopping; waiting for CreateImage …']\n", "")


def test_an_ignored_signal_stays_ignored() -> None:
    """`nohup deployer up` outlives its terminal."""
    program = """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handled(words):
            say("ready")
            threading.Event().wait()
    except Interrupted as stop:
        say(f"{stop.signum}")
    """
    with child(program) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert out == "15\n"


def test_it_is_raised_once() -> None:
    """Leaving a held-back stretch during the clean-up does not raise the same signal again."""
    with pytest.raises(Interrupted), handled(str):  # noqa: PT012
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            assert pending()
            with held_back("the swap"):
                pass


def test_handlers_are_put_back() -> None:
    """After the command, signals mean what they meant before."""
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with handled(str):
        assert signal.getsignal(signal.SIGTERM) != before[1]
    after = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert before == after
    assert not pending()


def test_no_exception_handler_swallows_it() -> None:
    """`except Exception` in a library does not keep the process alive."""
    assert not issubclass(Interrupted, Exception)


def test_other_threads_are_let_alone() -> None:
    """Holding back in a worker is nothing: no signal is ever raised there."""
    done = []

    def work() -> None:
        with held_back("the swap"):
            done.append(1)

    with handled(str):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert done == [1]
