"""The commands of the matrix: from what they begin, what they are, and how they may end.

Another command is another entry in `COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from reconciler.exits import Exit
from tests.company import Done
from tests.crash.doors import Blow, Fault
from tests.crash.matrix.stage import Stage
from tests.crash.scene import NEW

OLD_LIVE, NEW_LIVE = "old", "new"
UP = ("deployer", "up", "shop", "--ref", NEW, "--json")
ADOPT = ("deployer", "adopt", "shop", "--yes", "--release", "v1.4.2")
SWEEP = ("reconciler", "sweep")
ABORT = ("deployer", "abort", "shop", "--yes")


@dataclass(frozen=True)
class Command:
    """One command of the matrix.

    begin      brings a stage that is adopted and serves to where this command begins
    words      the command
    done       what it is called when it has succeeded
    may_end    who may be live afterwards
    codes      how it may end by itself, whatever befell it
    again      the command is to be given again after a crash, not only a sweep
    keeps      whether a stage may be used again when it ends with the old release live
    """

    name: str
    words: tuple[str, ...]
    done: str
    begin: Callable[[Stage], None]
    may_end: frozenset[str] = frozenset({OLD_LIVE})
    codes: frozenset[int] = frozenset({Exit.DONE, Exit.FAILED, Exit.DIRT})
    again: bool = False
    adopted: bool = True


def _nothing(_: Stage) -> None:
    """It begins as the stage stands."""


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
        codes=frozenset({Exit.DONE, Exit.FAILED, Exit.DIRT, Exit.UNFINISHED}),
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
)


def play(stage: Stage, words: tuple[str, ...], blow: Blow | None = None) -> Done:
    """Give a command, with a fault that waits for one of its requests."""
    stage.watch.begin(blow)
    return stage.run(*words)
