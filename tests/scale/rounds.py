"""Two runs of the state machine: one in bad weather, one in good."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
import psutil

from reconciler.aws.client.session import Aws
from tests.scale.cost import CALLS_OF_FUNCTION, Work, on_paper
from tests.scale.emulator import Emulator
from tests.scale.emulator_server import EVERY
from tests.scale.happening import happens
from tests.scale.stack import Stack
from tests.support.organisation import (
    Member,
    add_disks,
    make_zone,
    mend_ledger,
    role_of,
    spoil_ledger,
)

FAILING = 100
DIRTY = 50
PATIENCE = 5400.0


@dataclass
class Meter:
    """What the processes of the function take: seconds of CPU of each, and the most MiB of one."""

    begun: dict[int, float] = field(default_factory=dict)
    now: dict[int, float] = field(default_factory=dict)
    memory: float = 0.0

    def read(self, workers: Sequence[psutil.Process]) -> None:
        """Look at them; who is gone keeps what was last seen."""
        for worker in workers:
            try:
                times, memory = worker.cpu_times(), worker.memory_info().rss
            except psutil.Error:
                continue
            self.now[worker.pid] = times.user + times.system
            self.memory = max(self.memory, memory / 2**20)

    @property
    def cpu(self) -> float:
        """Since it was begun."""
        return sum(self.now.values()) - sum(self.begun.values())


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    status: str
    seconds: float
    report: dict[str, Any]
    meter: Meter

    @property
    def work(self) -> Work:
        """What a scope took."""
        scopes = sum(self.report["counts"].values())
        cpu = self.meter.cpu / (scopes * CALLS_OF_FUNCTION)
        return Work(cpu, self.report["calls"] / scopes)


@dataclass
class Rounds:
    """The organisation on the emulator, and the runs of it."""

    emulator: Emulator
    stack: Stack
    every: Sequence[Member]

    def measure(self) -> Iterator[str]:
        """Run twice, judge, and say what was measured."""
        zone = make_zone(self.every)
        dirty = self.every[::DIRTY]
        for one in dirty:
            add_disks(one, zone, 2, dead=True)
        failing = self.every[1::FAILING]
        for one in failing:
            spoil_ledger(one, zone)
        yield (
            f"{len(self.every)} scopes; {len(dirty)} of them have two disks left behind, the "
            f"ledgers of {len(failing)} cannot be read in the first run."
        )
        self.emulator.weather.touch()
        first = self._run("bad", kill=True)
        self.emulator.weather.unlink()
        words = (
            f"Functions and one call in {EVERY} to EC2 were throttled, and a worker was killed; "
            "with ledgers that cannot be read the run has to fail"
        )
        yield self._said(words, first)
        if first.status != "FAILED" or first.report["counts"]["failed"] < len(failing):
            raise SystemExit(f"a run with failing scopes passed: {first.report['counts']}")
        for one in failing:
            mend_ledger(one, zone)
        second = self._run("good", kill=False)
        yield self._said("Again, undisturbed", second)
        yield f"The largest process of the function had {second.meter.memory:.0f} MiB."
        left = sum(self._disks(one) for one in dirty)
        if left or not second.report["clean"] or second.status != "SUCCEEDED":
            raise SystemExit(f"not clean after two runs: {left} disks, {second.report['counts']}")
        yield from happens(self.every[-1], zone)
        yield from on_paper(second.work)

    def _said(self, words: str, run: Run) -> str:
        counts = ", ".join(f"{number} {word}" for word, number in run.report["counts"].items())
        speed = len(self.every) / run.seconds
        return (
            f"{words}: {run.status} after {run.seconds:.0f} s ({speed:.1f} scopes/s), "
            f"{counts}, {run.report['calls']} calls, removed {run.report['removed']}"
        )

    def _run(self, name: str, *, kill: bool) -> Run:
        client: Any = boto3.client("stepfunctions")
        began = time.monotonic()
        arn = client.start_execution(stateMachineArn=self.stack.machine, name=name, input="{}")
        if kill:
            threading.Thread(target=self._kill, daemon=True).start()
        status, found = "RUNNING", dict[str, Any]()
        meter = Meter()
        meter.read(self.emulator.workers())
        meter.begun = dict(meter.now)
        while status == "RUNNING" and time.monotonic() - began < PATIENCE:
            time.sleep(0.5)
            meter.read(self.emulator.workers())
            found = client.describe_execution(executionArn=arn["executionArn"])
            status = found["status"]
        seconds = time.monotonic() - began
        return Run(status, seconds, self._report(name, found), meter)

    def _report(self, name: str, found: dict[str, Any]) -> dict[str, Any]:
        s3: Any = boto3.client("s3")
        try:
            answer = s3.get_object(Bucket=self.stack.results, Key=f"runs/{name}/report.json")
        except s3.exceptions.NoSuchKey as error:
            raise SystemExit(f"the run made no report: {found}") from error
        report: dict[str, Any] = json.loads(answer["Body"].read())
        return report

    def _kill(self) -> None:
        """SIGKILL to one worker, once some are there."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            workers = self.emulator.workers()
            if len(workers) > 1:
                random.choice(workers).kill()
                return
            time.sleep(0.1)

    def _disks(self, one: Member) -> int:
        client = Aws(one.place, role=role_of(one.place.account)).ec2
        return len(client.describe_volumes()["Volumes"])
