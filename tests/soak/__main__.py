"""`make soak`: seven at random against one service, in bad weather, and whether it all holds.

    SOAK=600,4711 make soak     for 600 seconds, by the schedule of seed 4711
    SOAK=600,4711,s3 make soak  the same with the ledger in S3, which the record follows

Ends with 1, and the story, if something does not.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from tests.crash.invariants import wait_for
from tests.soak import schedule
from tests.soak.actors import Actor, Weather
from tests.soak.checker import problems
from tests.soak.evidence import Evidence
from tests.soak.ground import Ground, GroundInBucket, at_rest
from tests.soak.observers import Clients, Reader, clock
from tests.soak.report import story, summary
from tests.support.memory_disk import temporary_files_in_memory

SECONDS = 600.0
GROUNDS: dict[str, type[Ground]] = {"": Ground, "s3": GroundInBucket}


def soak(ground: Ground, seed: int, seconds: float) -> Evidence:
    """Let everybody loose for so long; then let it come to rest, still watched."""
    clients, since = Clients(ground), clock()
    reader = Reader(ground, clients, since)
    cast = [Actor(name, schedule.acts(seed, name), ground, since) for name in schedule.CAST]
    weather = Weather(ground, schedule.faults(seed), schedule.lags(seed))
    stop = threading.Event()
    with clients.watching(), _until_left(reader.read_until):
        weather.begin()
        with ThreadPoolExecutor(len(cast) + 1) as pool:
            sky = pool.submit(weather.blow_until, stop)
            playing = [pool.submit(one.play_until, stop) for one in cast]
            _wait(seconds)
            stop.set()
        for one in (sky, *playing):
            one.result()
        quiet = since() + schedule.MOST_DELAY
        wait_for(lambda: since() > quiet)  # what was delayed has arrived
        rest = at_rest(ground)
    # Only now has nobody an order in hand that was acknowledged after the database was read.
    rest = replace(rest, orders=ground.orders(rest.live))
    return Evidence(
        asked=clients.asked,
        failures=tuple(clients.errors),
        acknowledged=frozenset(clients.orders),
        refused=clients.refused,
        switches=tuple(reader.switches),
        rest=rest,
        acts=tuple(act for one in cast for act in one.played),
        ledgers=tuple(reader.ledgers),
        faults=Counter(one["fault"] for one in ground.faults.requests() if one.get("fault")),
    )


class _until_left:  # noqa: N801 -- reads as a phrase where it is used
    """Work goes on in a thread of its own until the block is left; its error is raised there."""

    def __init__(self, work: Callable[[threading.Event], None]) -> None:
        self._stop, self._pool = threading.Event(), ThreadPoolExecutor(1)
        self._work = self._pool.submit(work, self._stop)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._work.result()


def _wait(seconds: float) -> None:
    """Until the time is over, or somebody presses Ctrl-C: then what there is is judged."""
    try:
        threading.Event().wait(seconds)
    except KeyboardInterrupt:
        _say("interrupted: coming to rest")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options() -> tuple[float, int, str]:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "soak", nargs="?", default="", help="seconds,seed,ledger; each may be left out"
    )
    said: str = parser.parse_args().soak
    seconds, seed, ledger = [*said.split(","), "", ""][:3]
    chosen = int(seed or random.SystemRandom().randrange(10_000))
    return float(seconds or SECONDS), chosen, ledger


def main() -> int:
    """0 if everything held."""
    seconds, seed, ledger = _options()
    again = f"SOAK={seconds:.0f},{seed}{',' if ledger else ''}{ledger} make soak"
    _say(f"{again}\n{seconds:.0f} s from {time.strftime('%X')} on, then it comes to rest")
    with temporary_files_in_memory(), tempfile.TemporaryDirectory(prefix="soak-") as folder:
        sandbox = Sandbox.at(Path(folder) / "box")
        sandbox.up(Options(owner=os.getpid()))
        try:
            ground = GROUNDS[ledger](sandbox)
            ground.prepare()
            seen = soak(ground, seed, seconds)
        finally:
            sandbox.down()
    found = problems(seen)
    if found:
        _say(f"\n{story(seen)}\n")
    _say(summary(seen))
    _say("\n".join(f"✗ {one}" for one in found) or "Everything held.")
    if found:
        _say(f"The same schedule again: {again}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
