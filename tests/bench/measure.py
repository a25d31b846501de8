"""Measuring a command as a whole process: its wall and CPU time, its peak memory, its exit code."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.fleet import REGION
from tests.support.aws_api import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Figures:
    """One run: seconds, MiB, requests by action (those that were refused apart)."""

    wall: float
    cpu: float
    memory: float
    code: int
    calls: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0

    @property
    def asked(self) -> int:
        """Requests to EC2 and Route 53, refused ones included."""
        return sum(self.calls.values())


def run(argv: Sequence[str | Path], env: Mapping[str, str], output: Path) -> Figures:
    """Run a command to its end; what it says goes to `output`."""
    found = output.with_suffix(".json")
    launch = [sys.executable, "-IS", LAUNCH, found, output, *argv]
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(launch, env={**kept, **env}, check=True)
    return Figures(**json.loads(found.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Box:
    """A sandbox's API in another process, with a fleet in it."""

    endpoint: str
    server: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        """What leads a client here."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION}

    def lay(self, machines: int) -> None:
        """So many dead machines more."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(f"{machines}\n")
        self.server.stdin.flush()
        if int(self.server.stdout.readline() or 0) != machines:
            raise RuntimeError("the server of the fleet did not lay them")

    def forget(self) -> None:
        """Nothing was asked so far."""
        self._ask("DELETE", "requests")

    def asked(self) -> list[tuple[str, str]]:
        """What was asked of EC2 and Route 53, in order: the action, and the fault it met."""
        entries = json.loads(self._ask("GET", "requests"))["requests"]
        ours = (one for one in entries if one["service"] in ("ec2", "route53"))
        return [(one["action"], one["fault"]) for one in ours]

    def run(self, argv: Sequence[str | Path], output: Path) -> Figures:
        """Measure a command against this server."""
        self.forget()
        figures = run(argv, self.environment, output)
        asked = self.asked()
        calls = Counter(action for action, _ in asked)
        refused = sum(fault == "limit" for _, fault in asked)
        return replace(figures, calls=dict(sorted(calls.items())), refused=refused)

    def limit(self, speed: float) -> None:
        """Let the server refuse what is beyond AWS's token buckets."""
        self._ask("POST", "faults", json.dumps({"limits": speed}).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        url = f"{self.endpoint}/_sandbox/{path}"
        request = urllib.request.Request(url, body, method=method)  # noqa: S310  # our own server
        request.add_header("Authorization", "Bearer test")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            answer: bytes = reply.read()
            return answer


@contextmanager
def serving(machines: int, garbage: int, regions: int = 1) -> Iterator[Box]:
    """A server with such a fleet in each of so many regions, for as long as it is wanted."""
    with serve("tests.bench.server", str(machines), str(garbage), str(regions)) as box:
        yield box


@contextmanager
def serve(module: str, *words: str) -> Iterator[Box]:
    """A server of the API, in a process of its own, for as long as it is wanted."""
    argv = [sys.executable, "-m", module, *words]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        endpoint = child.stdout.readline().strip()
        if not endpoint:
            raise RuntimeError("the server of the fleet did not start")
        yield Box(endpoint, child)
        child.communicate()


def middle(runs: Sequence[Figures], of: Callable[[Figures], float]) -> float:
    """The median of a figure."""
    return statistics.median(of(one) for one in runs)


def cpu(one: Figures) -> float:
    """Seconds of CPU."""
    return one.cpu


def wall(one: Figures) -> float:
    """Seconds."""
    return one.wall
