"""A recorded command: what the journal holds of it, and that no fault of the journal changes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

import deployer.commands.bake
import deployer.wiring
from deployer import events as e
from deployer.cli.main import cli
from deployer.commands.init import begin
from deployer.journal import recorder
from reconciler.cli.shared import ended
from reconciler.cost.price_list import Prices
from reconciler.errors import FollowUpFailed, Refused, SmokeFailed
from reconciler.exit_codes import Exit
from reconciler.model.journal.codec import decode
from reconciler.model.journal.entry import Entry
from reconciler.util.signals import Interrupted
from tests.fakes.journal import FakeJournal, Slow, broken, denied, unreachable

ID = "shop/20261123T031502Z-7kq2m"
ROOT = Path(__file__).parents[4]
Play = Callable[[e.Listener], None]
PASSWORD = "hunter2-very-secret"


def _release(emit: e.Listener, steps: tuple[str, ...] = e.STEPS[1:]) -> None:
    emit(e.ReleaseBegan("shop", ID, "v2", "v1"))
    for step in steps:
        emit(e.StepBegan(step))
        if step == "image":
            emit(e.ResourceCreated("image", "ami-1"))
        if step == "launch":
            emit(e.ResourceCreated("instance", "i-1", 0.0208))
        emit(e.StepProgress(step, "going", 1, 2, "B"))
        emit(e.StepNote(step, f"postgresql://shop:{PASSWORD}@db/shop"))
        emit(e.StepDone(step, f"{step} is done", 1.5))


def well(emit: e.Listener) -> None:
    """A release that succeeds."""
    _release(emit)
    emit(e.Released("shop", ID, "v2", "v1", ("10.0.1.17",), 90, frozen_seconds=6.0))


def badly(emit: e.Listener) -> None:
    """A release that fails in smoke, with the app's last lines, and is cleaned up."""
    _release(emit, e.STEPS[1:9])
    emit(e.StepBegan("smoke"))
    last = f"KeyError: 'orders'\nDATABASE_URL=postgresql://shop:{PASSWORD}@db/shop"
    emit(e.StepFailed("smoke", "GET /healthz answered 500", last))
    emit(e.CleanUpBegan("GET /healthz answered 500"))
    emit(e.CleanUpItem("instance", "i-1", "gone"))
    emit(e.CleanUpItem("image", "ami-1", "blocked", "in use"))
    emit(e.CleanUpDone({"instance": 1}, 1))
    raise SmokeFailed("GET /healthz answered 500", detail=last)


def unfinished(emit: e.Listener) -> None:
    """A release that is live, and whose follow-up failed."""
    _release(emit)
    done = e.Released("shop", ID, "v2", "v1", ("10.0.1.17",), 90, unfinished=("i-0 is silent",))
    emit(done)
    raise FollowUpFailed("shop is live on v2, but not everything followed", detail="i-0 is silent")


def stopped(emit: e.Listener) -> None:
    """A release that a signal ended."""
    _release(emit, e.STEPS[1:6])
    raise Interrupted(2)


class Told:
    """The command line `deployer up shop`, with a play in place of the release."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.journal: FakeJournal | None = FakeJournal()
        self._patch = monkeypatch
        self._capture = capture

    def up(self, play: Play, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        service = SimpleNamespace(name="shop")
        ports = SimpleNamespace(
            journal=self.journal, by="me@here", service=service, prices=Prices()
        )
        self._patch.setattr(deployer.wiring, "wired", lambda *_, **__: ports)
        self._patch.setattr(deployer.commands.bake, "up", lambda _ports, _options, emit: play(emit))
        code = ended(cli, ["up", "shop", *words])
        return code, *self._capture.readouterr()

    @property
    def entry(self) -> Entry:
        """What the journal says of it."""
        assert self.journal is not None
        return decode(self.journal.objects[f"{ID}.json"]).entry

    @property
    def stream(self) -> list[dict[str, Any]]:
        """The archived events."""
        assert self.journal is not None
        lines = self.journal.objects[f"{ID}.events.jsonl"].decode().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """The command line with a configuration; nobody waits long for the journal."""
    home = tmp_path / "config"
    begin(home, "shop", {"record": "shop.example.com", "account": "1" * 12, "region": "eu-west-1"})
    monkeypatch.setenv("DEPLOY_CONFIG", str(home))
    return Told(monkeypatch, capsys)


def test_a_release_is_told_whole(told: Told) -> None:
    """Who, what, when, how it ended, how long each step took, and what was made."""
    assert told.up(well)[0] == Exit.DONE
    entry = told.entry
    assert (entry.kind, entry.by, entry.outcome, entry.exit) == (
        "release",
        "me@here",
        "released",
        0,
    )
    assert (entry.release, entry.was, entry.addresses) == ("v2", "v1", ("10.0.1.17",))
    assert [step.step for step in entry.steps] == list(e.STEPS[1:])
    assert {step.seconds for step in entry.steps} == {1.5}
    assert [(one.kind, one.id, one.per_hour) for one in entry.resources] == [
        ("image", "ami-1", None),
        ("instance", "i-1", 0.0208),
    ]
    assert entry.frozen_seconds == 6.0
    assert entry.ended is not None


def test_a_failed_release_says_why_and_what_was_removed(told: Told) -> None:
    """The step, the reason, the app's last lines; each resource with its fate."""
    assert told.up(badly)[0] == Exit.FAILED
    entry = told.entry
    assert (entry.outcome, entry.step, entry.why) == (
        "failed",
        "smoke",
        "GET /healthz answered 500",
    )
    assert "KeyError: 'orders'" in entry.detail
    assert entry.steps[-1].failed
    assert {one.id: one.fate for one in entry.resources} == {"i-1": "gone", "ami-1": "left"}


@pytest.mark.parametrize(
    ("play", "outcome", "code"), [(unfinished, "unfinished", 5), (stopped, "failed", 130)]
)
def test_other_ends(told: Told, play: Play, outcome: str, code: int) -> None:
    """A follow-up that failed, and a signal."""
    assert told.up(play)[0] == code
    assert (told.entry.outcome, told.entry.exit) == (outcome, code)
    assert told.entry.why


def test_the_stream_is_archived_by_its_schema(told: Told) -> None:
    """Each line as published; of a step's progress the last; the result at the end."""
    told.up(badly)
    schema = json.loads((ROOT / "docs/events.schema.json").read_text())
    for line in told.stream:
        jsonschema.validate(line, schema)
    types = [line["type"] for line in told.stream]
    assert (types[0], types[-1]) == ("version", "result")
    assert types.count("step-progress") == len(e.STEPS[1:9])
    assert told.stream[-1]["exit"] == 1


def test_no_secret_is_in_any_object(told: Told) -> None:
    """What the terminal does not show is not archived either."""
    told.up(badly)
    assert told.journal is not None
    assert len(told.journal.objects) == 2
    for body in told.journal.objects.values():
        assert PASSWORD.encode() not in body


def test_a_refused_command_leaves_no_entry(told: Told) -> None:
    """Nothing was done: there is nothing to remember."""

    def refused(_: e.Listener) -> None:
        raise Refused("shop is not clean")

    assert told.up(refused)[0] == Exit.REFUSED
    assert told.journal is not None
    assert told.journal.objects == {}


def test_the_entry_is_born_before_anything_else_happens(told: Told) -> None:
    """The object is there before the lease is taken: a process that dies has left a trace."""
    seen: list[str] = []

    def dies(emit: e.Listener) -> None:
        emit(e.ReleaseBegan("shop", ID, "v2", "v1"))
        seen.append(told.entry.outcome)
        raise Interrupted(15)

    told.up(dies)
    assert seen == ["running"]


FAULTS: dict[str, Callable[[], Callable[[str, str], object]]] = {
    "unreachable": lambda: unreachable,
    "denied": lambda: denied,
    "slow": Slow,
    "broken": lambda: broken,
    "corrupt": lambda: lambda _request, _key: None,
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Slow]]:
    """The command waits for a moment only; what hangs is let go at the end."""
    monkeypatch.setattr(recorder, "BIRTH", 0.05)
    monkeypatch.setattr(recorder, "END", 0.05)
    hanging: list[Slow] = []
    yield hanging
    for one in hanging:
        one.go_on.set()


@pytest.mark.parametrize("play", [well, badly, unfinished, stopped], ids=lambda one: one.__name__)
@pytest.mark.parametrize("at", e.STEPS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_the_journal_changes_an_outcome(
    told: Told, impatient: list[Slow], fault: str, at: str, play: Play
) -> None:
    """From whatever step on it fails, in whatever way: the same exit and words, one warning."""
    journal, told.journal = told.journal, None
    code, out, _ = told.up(play)
    told.journal = journal
    assert journal is not None
    failing = FAULTS[fault]()
    if isinstance(failing, Slow):
        impatient.append(failing)

    def disturbed(emit: e.Listener) -> None:
        def listener(event: e.Event) -> None:
            begins = isinstance(event, e.StepBegan) and event.step == at
            if begins or (at == "guard" and isinstance(event, e.ReleaseBegan)):
                journal.fault = failing
                if fault == "corrupt":
                    journal.objects[f"{ID}.json"] = b"\xff"
            emit(event)

        play(listener)

    again, same, err = told.up(disturbed)
    assert (again, same) == (code, out)
    assert err.count("the journal could not be written") <= 1
    assert not [one for one in threading.enumerate() if one.name == "journal" and not one.daemon]


def test_a_failure_is_told_once_and_in_the_stream(told: Told, impatient: list[Slow]) -> None:
    """With --json the warning is an event, and the result is still the last line."""
    assert impatient == []
    assert told.journal is not None
    told.journal.fault = denied
    code, out, _ = told.up(well, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    warned = [line for line in lines if line["type"] == "warned"]
    assert (code, len(warned), lines[-1]["type"]) == (0, 1, "result")
    assert "s3:PutObject is denied" in warned[0]["text"]


def test_the_times_are_those_of_the_clock(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry's times come from one clock, which a test can drive."""
    monkeypatch.setattr(recorder, "utc_now", lambda: datetime(2031, 1, 2, tzinfo=UTC))
    told.up(well)
    assert told.entry.began.year == 2031
