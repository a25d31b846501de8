"""The cast at work: each plays its acts in its own thread, one after another."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deployer.sandbox.faults import FaultRule
from tests.soak.evidence import Played
from tests.soak.ground import Ground
from tests.soak.schedule import Act
from tests.support.company import Process

LONGEST = 240.0
"""Seconds after which a command that has not ended is called hung: twice the deploys' limit."""

QUEUE = 60
"""So many faults wait their turn at least."""

SAID = 12
"""Lines of what a command said that are kept."""


@dataclass
class Actor:
    """One of the cast."""

    name: str
    acts: Iterator[Act]
    ground: Ground
    since: Callable[[], float]
    played: list[Played] = field(default_factory=list)

    def play_until(self, stop: threading.Event) -> None:
        """Act after act; what is under way when told to stop goes to its end."""
        for act in self.acts:
            if stop.wait(act.pause):
                return
            self.played.append(self._play(act))

    def _play(self, act: Act) -> Played:
        began, company = self.since(), self.ground
        process = company.start(company.command(act.tool, *act.words), company.environment)
        late = threading.Timer(LONGEST, process.kill)
        late.start()
        with process:
            out = _read(process, act)
            _, err = process.communicate()
            code = process.wait()
        hung = late.finished.is_set()
        late.cancel()
        said = "\n".join((*out[-1:], *err.splitlines()[-SAID:]))
        return Played(began, self.since(), self.name, str(act), code, said, hung)


def _read(process: Process, act: Act) -> list[str]:
    """Its stdout, line by line; the act's end befalls it in its moment."""
    assert process.stdout is not None
    end = act.end
    way = end.signal if end else signal.SIGTERM
    blow = threading.Timer(end.after if end else 0, process.send_signal, (way,))
    lines: list[str] = []
    try:
        if end and not end.step:
            blow.start()
        for line in process.stdout:
            lines.append(line.rstrip())
            if end and end.step and not blow.ident and _begins(line, end.step):
                blow.start()
    finally:
        blow.cancel()
    return lines


def _begins(line: str, step: str) -> bool:
    if not line.startswith("{"):
        return False
    event = json.loads(line)
    return (event.get("type"), event.get("step")) == ("step-began", step)


@dataclass
class Weather:
    """Faults and lag, as scheduled: each fault waits until so many calls have passed."""

    ground: Ground
    faults: Iterator[FaultRule]
    lags: Iterator[tuple[float, float]]

    def begin(self) -> None:
        """The first faults stand before the first act."""
        self._fill()

    def blow_until(self, stop: threading.Event) -> None:
        """Faults that never run out, and lag that changes; good weather in the end."""
        for seconds, lag in self.lags:
            self.ground.faults.lag(lag)
            lasts = threading.Event()
            timer = threading.Timer(seconds, lasts.set)
            timer.start()
            while not lasts.is_set() and not stop.wait(0.5):
                self._fill()
            timer.cancel()
            if stop.is_set():
                break
        self.ground.faults.clear()

    def _fill(self) -> None:
        waiting = len(self.ground.faults.list()["rules"])
        for _ in range(waiting, QUEUE if waiting < QUEUE // 2 else waiting):
            self.ground.faults.add(next(self.faults))
