"""The guard of a release, run alone on the world of fakes."""

from __future__ import annotations

from deployer import events as e
from deployer.release.context import ReleaseContext, ReleaseOptions
from deployer.release.steps.guard import guard
from tests.fakes.scene import Scene


def guarded(scene: Scene, *despite: str, **configured: object) -> list[str]:
    """What the guard warns of."""
    said: list[str] = []

    def told(event: e.Event) -> None:
        if isinstance(event, e.Warned):
            said.append(event.text)

    guard(
        ReleaseContext(scene.ports(**configured), ReleaseOptions(despite=frozenset(despite)), told)
    )
    return said
