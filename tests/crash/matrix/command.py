"""A command of the matrix as a value, and how it is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from deployer.sandbox.control.options import RECORD
from reconciler.exit_codes import Exit
from tests.crash.invariants import NEW, Before
from tests.crash.matrix.stage import PLAN, Stage
from tests.crash.proxies import Blow, Fault
from tests.support.company import TRUSTING, Done

OLD_LIVE, NEW_LIVE = "old", "new"
UP = ("deployer", "up", "shop", "--ref", NEW, "--json")
ADOPT = ("deployer", "adopt", "shop", *TRUSTING, "--release", "v1.4.2")
SWEEP = ("reconciler", "sweep")
ROLLBACK = ("deployer", "rollback", "shop", "--discard-writes")
LEAVE = ("deployer", "leave", "shop", "--yes")
ABORT = ("deployer", "abort", "shop", "--yes")
FOLLOW = ("deployer", "traffic", "shop", "--follow", "--yes")
PAUSE = ("deployer", "pause", "shop", "--for", "10m", "--reason", "the disk is being grown")
RESUME = ("deployer", "resume", "shop")
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
    shape      the name of the stage on which it is played
    rows       a regular expression: which of its requests are rows; the others are those of `up`
    settled    what holds afterwards, instead of "as before" or "one release more"
    cures      given again it is the only way out: before that, a sweep can do nothing but report
    discards   orders that only the newer database has may be given up
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
    shape: str = RECORD
    rows: str = ""
    settled: Callable[[Stage, Before], None] | None = None
    discards: bool = False
    cures: bool = False

    def is_row(self, request: str) -> bool:
        """Whether a request of it is a row of the page."""
        return bool(re.search(self.rows, request))


def nothing(_: Stage) -> None:
    """It begins as the stage stands."""


def play(stage: Stage, words: tuple[str, ...], blow: Blow | None = None) -> Done:
    """Give a command, with a fault that waits for one of its requests."""
    stage.watch.begin(blow)
    return stage.run(*words)


def perform(stage: Stage, command: Command, blow: Blow | None = None) -> Done:
    """The same for one of the matrix's own commands."""
    stage.watch.begin(blow)
    return command.run(stage, tuple(one.format(folder=stage.folder) for one in command.words))


def done_well(stage: Stage, *commands: tuple[str, ...]) -> None:
    """Give commands one after the other that must succeed."""
    for words in commands:
        done = play(stage, words)
        assert done.code == Exit.DONE, done


def killed_at(name: str, fault: Fault) -> Callable[[Stage], None]:
    """Begins from an `up` that was killed at this request."""

    def begin(stage: Stage) -> None:
        killed = play(stage, UP, Blow(name, fault))
        assert killed.code < 0, killed

    return begin


def expired(name: str, fault: Fault) -> Callable[[Stage], None]:
    """The same, when the lease of the dead `up` has run out."""
    killed = killed_at(name, fault)

    def begin(stage: Stage) -> None:
        killed(stage)
        stage.later()

    return begin
