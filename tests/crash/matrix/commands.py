"""The commands of the matrix: from what they begin, what they are, and how they may end.

Another command is another entry in `COMMANDS`.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from reconciler.exit_codes import Exit
from tests.crash.fork_server import Warm
from tests.crash.invariants import NEW, wait_for
from tests.crash.matrix import leftovers
from tests.crash.matrix.stage import PLAN, Stage
from tests.crash.proxies import Blow, Fault
from tests.support.company import TRUSTING, Done

OLD_LIVE, NEW_LIVE = "old", "new"
UP = ("deployer", "up", "shop", "--ref", NEW, "--json")
ADOPT = ("deployer", "adopt", "shop", *TRUSTING, "--release", "v1.4.2")
SWEEP = ("reconciler", "sweep")
ABORT = ("deployer", "abort", "shop", "--yes")
AGREED = ("reconciler", "sweep", "--plan", f"{{folder}}/{PLAN}")
RUN = ("reconciler", "run", "--every", "1s", "--full-every", "1s", "--listen", "127.0.0.1:0")


@dataclass(frozen=True)
class Command:
    """One command of the matrix.

    begin      brings a stage that is adopted and serves to where this command begins
    words      the command
    done       what it is called when it has succeeded
    may_end    who may be live afterwards
    codes      how it may end by itself, whatever befell it
    again      the command is to be given again after a crash, not only a sweep
    adopted    it begins from a shop that is adopted
    run        how it is run to its end
    spoils     what it begins from is not to be met by another cell
    left       looks for what only this command may leave
    """

    name: str
    words: tuple[str, ...]
    done: str
    begin: Callable[[Stage], None]
    may_end: frozenset[str] = frozenset({OLD_LIVE})
    codes: frozenset[int] = frozenset({Exit.DONE, Exit.REFUSED, Exit.FAILED, Exit.DIRT})
    again: bool = False
    adopted: bool = True
    run: Callable[[Stage, tuple[str, ...]], Done] = lambda stage, words: stage.run(*words)
    spoils: bool = False
    left: Callable[[Stage], None] = lambda _: None


def _nothing(_: Stage) -> None:
    """It begins as the stage stands."""


def _until_a_round_finds_nothing(stage: Stage, words: tuple[str, ...]) -> Done:
    """The loop, ended by SIGTERM when it has nothing more to do; or by whatever befalls it."""
    process = stage.start(stage.command(*words), stage.environment)
    assert isinstance(process, Warm)
    with process:
        try:
            wait_for(lambda: process.poll() is not None or _is_at_rest(process.said()), 120)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return Done(process.wait(), out, err)


def _is_at_rest(log: str) -> bool:
    lines = [json.loads(one) for one in log.splitlines()]
    rounds = [one for one in lines if one["event"] == "round" and one["outcome"] == "complete"]
    return bool(rounds) and not rounds[-1]["removed"] and not rounds[-1]["left"]


def _killed_at(name: str, fault: Fault) -> Callable[[Stage], None]:
    def begin(stage: Stage) -> None:
        killed = play(stage, UP, Blow(name, fault))
        assert killed.code < 0, killed

    return begin


def _expired(name: str, fault: Fault) -> Callable[[Stage], None]:
    killed = _killed_at(name, fault)

    def begin(stage: Stage) -> None:
        killed(stage)
        stage.later()

    return begin


def _rolled_back(stage: Stage) -> None:
    """A release went live and was rolled back; the time for which it is kept is over."""
    for words in (UP, ("deployer", "rollback", "shop", "--discard-writes")):
        done = play(stage, words)
        assert done.code == Exit.DONE, done
    stage.later(timedelta(days=8))


COMMANDS = (
    Command(
        "up",
        UP,
        "released",
        _nothing,
        may_end=frozenset({OLD_LIVE, NEW_LIVE}),
        codes=frozenset({Exit.DONE, Exit.REFUSED, Exit.FAILED, Exit.DIRT, Exit.UNFINISHED}),
    ),
    Command("adopt", ADOPT, "adopted", _nothing, again=True, adopted=False),
    Command("abort", ABORT, "aborted", _killed_at("swap: commit", Fault.KILL_BEFORE)),
    Command("sweep", SWEEP, "swept", _expired("swap: commit", Fault.KILL_BEFORE)),
    Command(
        "sweep, finishing a commit",
        SWEEP,
        "finished",
        _expired("swap: commit", Fault.KILL_AFTER),
        may_end=frozenset({NEW_LIVE}),
    ),
    Command("sweep, forgetting", SWEEP, "forgotten", _rolled_back),
    Command("sweep, of every kind", SWEEP, "swept", leftovers.of_every_kind),
    Command("sweep, of a plan's file", AGREED, "swept", leftovers.agreed_to),
    Command(
        "sweep, of two accounts and regions",
        SWEEP,
        "swept",
        leftovers.in_two_places,
        spoils=True,
        left=leftovers.nothing_far,
    ),
    Command(
        "a round of the loop",
        RUN,
        "swept",
        leftovers.a_little,
        codes=frozenset({Exit.DONE}),
        run=_until_a_round_finds_nothing,
    ),
)


def play(stage: Stage, words: tuple[str, ...], blow: Blow | None = None) -> Done:
    """Give a command, with a fault that waits for one of its requests."""
    stage.watch.begin(blow)
    return stage.run(*words)


def perform(stage: Stage, command: Command, blow: Blow | None = None) -> Done:
    """The same for one of the matrix's own commands."""
    stage.watch.begin(blow)
    return command.run(stage, tuple(one.format(folder=stage.folder) for one in command.words))
