"""Releases on the world of fakes: the guard alone, and one that holds its lease."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from deployer import events as e
from deployer.provisioning.code_archive import CodeArchive
from deployer.release.context import (
    ReleaseContext,
    ReleaseInputs,
    ReleaseOptions,
    StartingPoint,
)
from deployer.release.lease_holder import LeaseHolder
from deployer.release.lease_terms import LeaseTerms
from deployer.release.steps.guard import guard
from tests.fakes.scene import Scene
from tests.support.shop_world import deploy

ME = deploy(0, "aaaaa")
TERMS = LeaseTerms(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2))
"""No thread renews the lease meanwhile."""


def guarded(scene: Scene, *despite: str, **configured: object) -> list[str]:
    """What the guard warns of."""
    said: list[str] = []

    def told(event: e.Event) -> None:
        if isinstance(event, e.Warned):
            said.append(event.text)

    guard(
        ReleaseInputs(scene.ports(**configured), ReleaseOptions(despite=frozenset(despite)), told)
    )
    return said


def leased(
    scene: Scene,
    options: ReleaseOptions | None = None,
    emit: e.Listener = e.ignore,
    terms: LeaseTerms = TERMS,
    **configured: object,
) -> ReleaseContext:
    """A release that has passed its guard and holds its lease; nothing is created."""
    reading = scene.ledgers.read(scene.address)
    held = LeaseHolder(scene.ledgers, reading, ME, terms)
    start = StartingPoint(ME, scene.plan().services[0], reading, "v1")
    code = CodeArchive(Path("none.tar"), "v2", "0" * 64, 0)
    run = ReleaseContext(
        scene.ports(**configured), options or ReleaseOptions(), emit, code, start, held
    )
    held.acquire()
    return run
