"""One cell: a command, one of its requests, one fault; and everything that must hold afterwards.

Nothing of it asks the product what it thinks of itself, except at the very end: a second sweep has
to plan nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from reconciler.exit_codes import Exit
from tests.crash.invariants import Before, wait_for
from tests.crash.matrix.command import FOLLOW, NEW_LIVE, OLD_LIVE, SWEEP, Command, perform, play
from tests.crash.matrix.stage import Stage
from tests.crash.proxies import Blow, Fault
from tests.support.company import Done, Witness

LABELS = {"live": "live", "previous": "retired"}
HARMLESS = frozenset({Fault.TWICE, Fault.LATE, Fault.THROTTLED})
"""What is no reason for a command not to do what it is for."""

OF_ACTIONS = r"Modify(Listener|Rule): weights (0, )*1(, 0)+( #|$)"
"""A request that attaches a group without requests: a listener compares nothing."""

PATIENCE = 0.2
"""Seconds between two questions of a client: asked more often, clients cost as much as all else."""


@dataclass(frozen=True)
class Cell:
    """A command, the name of one of its requests, and what befalls that."""

    command: str
    request: str
    fault: Fault


@dataclass(frozen=True)
class Outcome:
    """How it ended, and how many changing requests that took beyond a good day's."""

    word: str
    calls: int


@dataclass(frozen=True)
class _Run:
    """A cell's command, how it ended, and who was live when it began."""

    command: Command
    cell: Cell
    done: Done
    began: str


def survey(stage: Stage, command: Command) -> list[str]:
    """The names of the requests that the command makes on a good day, in a fixed order.

    What must hold after a bad day must hold after this one, too.
    """
    before = _ready(stage, command)
    stage.spoilt = True
    command.begin(stage)
    done = perform(stage, command)
    assert done.code == Exit.DONE, done
    names = list(stage.watch.names)
    assert names, done
    _assert_traffic(stage)
    _assert_settled(command, stage, before)
    return in_fixed_order(names)


def play_cell(stage: Stage, command: Command, cell: Cell, good_day: int) -> Outcome:
    """Play it. `good_day` is the number of requests of an undisturbed run.

    Raises AssertionError for whatever does not hold.
    """
    before, others = _ready(stage, command), stage.others()
    stage.spoilt = True
    command.begin(stage)
    with _clients(stage, command):
        began = stage.live_id()
        done = perform(stage, command, Blow(cell.request, cell.fault))
        outcome = _after(stage, _Run(command, cell, done, began), good_day)
        _assert_traffic(stage)
    _assert_settled(command, stage, before)
    assert stage.others() == others
    command.left(stage)
    # Where nothing had to be recovered: exit 0 and exit 1 both said that nothing is left to do.
    _assert_nothing_planned(stage, done)
    stage.spoilt = command.spoils or stage.live_id() != before.live
    return outcome


def _ready(stage: Stage, command: Command) -> Before:
    """A stage on its first day, adopted if the command wants that; how it stands."""
    if stage.spoilt or not command.adopted:
        stage.set_up()
        if command.adopted:
            stage.adopt()
    # What was made is as old as the API says: the clock is moved only for the end of a cell.
    stage.aws_door.ahead = timedelta(0)
    return stage.before()


def _after(stage: Stage, run: _Run, good_day: int) -> Outcome:
    """Let everything land, recover if there is anything to recover from, and say how it went."""
    watch, command, cell, done = stage.watch, run.command, run.cell, run.done
    assert watch.struck, f"{cell.request} was never asked for: {watch.names}"
    made, struck_at = len(watch.names), watch.struck_at
    killed = cell.fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER)
    assert (done.code < 0) is killed, done
    assert killed or done.code in command.codes, done
    assert cell.fault not in HARMLESS or done.code == Exit.DONE, done
    watch.land()
    if killed or done.code in (Exit.DIRT, Exit.UNFINISHED) or cell.fault is Fault.LATE:
        recovered = _recover(stage, command, cell)
    else:
        recovered = 0
    if killed or done.code in (Exit.DIRT, Exit.UNFINISHED):
        return Outcome(_recovered_word(stage, run, recovered), recovered)
    if done.code == Exit.REFUSED:
        return Outcome("refused", recovered)
    if done.code == Exit.DONE:
        return Outcome(command.done, max(0, made - good_day) + recovered)
    return Outcome("undone", made - struck_at + recovered)


def _recover(stage: Stage, command: Command, cell: Cell) -> int:
    """The lease runs out and one sweep comes; how many requests it takes."""
    stage.later()
    made = _given_again(stage, command) if command.cures else 0
    swept = play(stage, SWEEP)
    if cell.fault is Fault.LATE and re.match(OF_ACTIONS, cell.request) and swept.code == Exit.DIRT:
        swept = _led_back(stage, swept)
    assert swept.code == Exit.DONE, swept
    made += len(stage.watch.names)
    return made + (_given_again(stage, command) if command.again else 0)


def _led_back(stage: Stage, swept: Done) -> Done:
    """After the label, a copy of an attach leads back to the release before, as people may.

    No sweep moves that (docs/protocol.md, "Traffic"): it says which command leads out.
    """
    assert "deployer traffic shop --follow" in swept.out + swept.err, swept
    followed = play(stage, FOLLOW)
    assert followed.code == Exit.DONE, followed
    return play(stage, SWEEP)


def _given_again(stage: Stage, command: Command) -> int:
    again = perform(stage, command)
    assert again.code == Exit.DONE, again
    return len(stage.watch.names)


def _recovered_word(stage: Stage, run: _Run, calls: int) -> str:
    if run.command.again or run.command.cures:
        return "given again"
    if not calls:
        return "nothing to do"
    new = OLD_LIVE not in run.command.may_end or stage.live_id() != run.began
    return "finished" if NEW_LIVE in run.command.may_end and new else "swept"


@contextmanager
def _clients(stage: Stage, command: Command) -> Iterator[None]:
    """Clients watch while the body runs: no question failed, no acknowledged order is missing."""
    with Witness(stage, every=PATIENCE).watching() as witness:
        yield
        wait_for(lambda: bool(witness.asked))  # a command may end before their first question
    assert stage.failures(witness.errors) == []
    assert witness.asked > 0
    live = str(stage.get()["database"])
    kept = stage.databases() if command.discards else [live]
    assert witness.acknowledged <= set().union(*map(stage.rows, kept))


def _assert_traffic(stage: Stage) -> None:
    """It leads to who is live at once; then the old release has left it."""
    if stage.live_id():
        stage.assert_traffic()
    stage.settle()


def _assert_settled(command: Command, stage: Stage, before: Before) -> None:
    """Exactly what the ledger roots, labelled as it says, serving."""
    (command.settled or partial(_assert_one_or_the_other, command))(stage, before)
    if "left=" not in stage.ledger():
        _assert_labels(stage)


def _assert_one_or_the_other(command: Command, stage: Stage, before: Before) -> None:
    """As before, or one release more: whichever the command may leave."""
    new = stage.live_id() != before.live and command.adopted
    assert (NEW_LIVE if new else OLD_LIVE) in command.may_end, stage.ledger()
    if new:
        stage.assert_released()
        stage.assert_one_release_more(before, machines=stage.machines)
    elif command.adopted:
        stage.assert_as_before(before)


def _assert_labels(stage: Stage) -> None:
    """Every thing of ours has a deploy that the ledger names, and the label that goes with it."""
    ledger = stage.ledger()
    words = {
        found[2]: LABELS[found[1]] for found in re.finditer(r"\b(live|previous)=([^\s\"]+)", ledger)
    }
    rows = stage.aws("ec2").describe_tags()["Tags"]
    tags: dict[str, dict[str, str]] = {}
    for row in rows:
        tags.setdefault(row["ResourceId"], {})[row["Key"]] = row["Value"]
    # A terminated instance keeps its tags for an hour: there, but no thing any more.
    there = set().union(*stage.resources().values())
    ours = {one: said for one, said in tags.items() if "deploy-id" in said and one in there}
    wrong = {
        one: said
        for one, said in ours.items()
        if said.get("deploy-state") != words.get(said["deploy-id"], "no root")
    }
    assert not wrong, (wrong, ledger)
    assert ours or not ledger


def _assert_nothing_planned(stage: Stage, done: Done) -> None:
    """A second sweep, or the first where the command itself was to leave nothing, has no work."""
    plan = stage.run("reconciler", "plan", "--exit-code")
    assert plan.code == Exit.DONE, f"after {done}\n{plan}\n{stage.ledger()}"


def in_fixed_order(names: list[str]) -> list[str]:
    """As they came, but what goes on side by side on several machines in the machines' order."""
    found: list[str] = []
    run: list[str] = []
    for name in [*names, ""]:
        if name.startswith(("new machine", "live machine")):
            run.append(name)
            continue
        found += sorted(run, key=lambda one: one.partition(":")[0])
        run = []
        found.append(name)
    return found[:-1]
