"""The commands of the matrix: from what they begin, what they are, and how they may end.

Another command is another entry in `COMMANDS`.
"""

from __future__ import annotations

import json
import signal
from datetime import timedelta

from reconciler.exit_codes import Exit
from tests.crash.fork_server import Warm
from tests.crash.invariants import wait_for
from tests.crash.matrix import leftovers
from tests.crash.matrix.command import (
    ABORT,
    ADOPT,
    AGREED,
    NEW_LIVE,
    OLD_LIVE,
    ROLLBACK,
    RUN,
    SWEEP,
    UP,
    Command,
    done_well,
    expired,
    killed_at,
    nothing,
)
from tests.crash.matrix.stage import Stage
from tests.crash.matrix.traffic_variants import TRAFFIC_VARIANTS
from tests.crash.matrix.variants import VARIANTS
from tests.crash.proxies import Fault
from tests.support.company import Done


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


def _rolled_back(stage: Stage) -> None:
    """A release went live and was rolled back; the time for which it is kept is over."""
    done_well(stage, UP, ROLLBACK)
    stage.later(timedelta(days=8))


COMMANDS = (
    Command(
        "up",
        UP,
        "released",
        nothing,
        may_end=frozenset({OLD_LIVE, NEW_LIVE}),
        codes=frozenset({Exit.DONE, Exit.REFUSED, Exit.FAILED, Exit.DIRT, Exit.UNFINISHED}),
    ),
    Command("adopt", ADOPT, "adopted", nothing, again=True, adopted=False),
    Command("abort", ABORT, "aborted", killed_at("swap: commit", Fault.KILL_BEFORE)),
    Command("sweep", SWEEP, "swept", expired("swap: commit", Fault.KILL_BEFORE)),
    Command(
        "sweep, finishing a commit",
        SWEEP,
        "finished",
        expired("swap: commit", Fault.KILL_AFTER),
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
    *VARIANTS,
    *TRAFFIC_VARIANTS,
)
