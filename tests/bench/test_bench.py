"""Figures, printed for people: what grows with the size of the heap. Run by `make bench`.

Nothing here asserts a time: machines differ, and a test of speed fails for reasons nobody can mend.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.birth import Home
from reconciler.deploy_id import DeployId
from reconciler.ledger import Ledger, Live
from reconciler.ledger_text import decode, encode
from reconciler.plan import Ask
from reconciler.planner import plan
from reconciler.resource import INSTANCE, VOLUME, Inventory, Resource
from reconciler.tags import BirthTags, Place
from reconciler.verdict import Root

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

PLACE = Place("123456789012", "eu-west-1")
BORN = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
ZONE = "eu-west-1a"
SIZES = [(1, 1_000), (10, 1_000), (1, 10_000), (50, 10_000)]


def best(act: Callable[[], object], times: int = 3) -> float:
    """The best of a few runs, in seconds."""
    runs = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        runs.append(time.perf_counter() - began)
    return min(runs)


def deploy_of(service: str, number: int) -> DeployId:
    """The service's deploy of that number: 0 is live, each other an hour older and dead."""
    return DeployId(service, BORN - timedelta(hours=number), "7kq2m")


def machine(deploy: DeployId, ledger: str, number: int) -> tuple[Resource, Resource]:
    """An instance of the deploy and its volume, birth proved."""
    born = BirthTags(deploy, ledger, PLACE, "v1", "bench")
    ids = f"{abs(hash((deploy, number))):017x}"[:17]
    instance, volume = f"i-{ids}", f"vol-{ids}"
    return (
        Resource(
            INSTANCE, instance, PLACE, born.of(INSTANCE), token=deploy.client_token(ZONE), zone=ZONE
        ),
        Resource(VOLUME, volume, PLACE, born.of(VOLUME), used_by=(instance,), created=deploy.born),
    )


def company(services: int, things: int) -> tuple[Inventory, dict[str, Root]]:
    """So many services that share so many things evenly; nine tenths of them are live."""
    roots: dict[str, Root] = {}
    resources: list[Resource] = []
    for name in (f"service-{number}" for number in range(services)):
        ledger = f"Z0123456789ABCDEFGHIJ/{name}._deploy.example.test"
        live = Ledger(gen=7, live=Live(deploy_of(name, 0), ("10.0.0.1",)))
        roots[name] = Root(Home(name, ledger, PLACE), BORN, live, ("10.0.0.1",))
        for number in range(things // services // 2):
            resources += machine(deploy_of(name, int(number % 10 == 9)), ledger, number)
    return Inventory(tuple(resources)), roots


@pytest.mark.parametrize(("services", "things"), SIZES)
def test_planning(services: int, things: int) -> None:
    """How long the pure middle takes for a heap of this size."""
    inventory, roots = company(services, things)
    asks: dict[str, Ask] = {}
    made = plan(inventory, roots, asks)
    collected = sum(len(one.deletes) for one in made.services)
    seconds = best(lambda: plan(inventory, roots, asks), times=1)
    print(f"\nplan {things} things of {services} services, {collected} garbage: {seconds:.2f} s")


def test_ledger_text() -> None:
    """How long the ledger's text takes to be written and read."""
    ledger = Ledger(gen=7, live=Live(deploy_of("shop", 0), ("10.0.0.1",)))
    seconds = best(lambda: [decode(encode(ledger)) for _ in range(1000)])
    print(f"\nledger text there and back: {seconds * 1000:.0f} µs")


@pytest.mark.parametrize("command", ["deployer", "reconciler"])
def test_help(command: str) -> None:
    """How long `--help` takes: no heavy library may be imported for it."""
    argv = [str(Path(sys.executable).with_name(command)), "--help"]
    seconds = best(lambda: subprocess.run(argv, check=True, capture_output=True))
    print(f"\n{command} --help: {seconds * 1000:.0f} ms")
