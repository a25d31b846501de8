"""A release with its bake: what becomes of a service whose new release turns bad.

Where the older release uses the same database, or none, the service goes back by itself, by the
same rollback that a person would run: its smoke checks must pass on the older machines first.
Otherwise people are told, and decide what the writes since the switch are worth. Exit 1 both times.
"""

from __future__ import annotations

from collections.abc import Callable

from deployer import events as e
from deployer.commands.rollback.command import rollback
from deployer.ports import Ports
from deployer.release.context import ReleaseOptions
from deployer.release.up import up
from reconciler.errors import BakeFailed, ToolError
from reconciler.model.deploy_id import DeployId

Tell = Callable[[str, str], None]
"""Tells people: a subject, and the text. Raises ToolError."""


def release(ports: Ports, options: ReleaseOptions, emit: e.Listener, tell: Tell) -> None:
    """`up`, and what follows if it turns bad. Raises what `up` raises."""
    try:
        up(ports, options, emit)
    except BakeFailed as error:
        outcome = _gone_back(ports, error, emit)
        _told(ports, error, outcome, emit, tell)
        raise BakeFailed(
            f"{error.message}; {outcome}",
            detail=error.detail,
            cure="" if outcome.startswith("the service is back") else error.cure,
            back_to=error.back_to,
            left=error.left,
        ) from error


def _gone_back(ports: Ports, error: BakeFailed, emit: e.Listener) -> str:
    """Go back where that loses nothing; what became of it, in words."""
    if not error.back_to:
        return "it is still live, because going back by itself might lose writes"
    to, leaving = DeployId.parse(error.back_to), DeployId.parse(error.left)
    try:
        done = rollback(ports, to, leaving=leaving, emit=emit)
    except ToolError as failed:
        return f"it could not go back by itself: {failed.message}"
    return f"the service is back on {done.release}"


def _told(ports: Ports, error: BakeFailed, outcome: str, emit: e.Listener, tell: Tell) -> None:
    try:
        tell(f"{ports.service.name}: a release turned bad", f"{error.message}; {outcome}")
    except ToolError as failed:
        emit(e.Warned(f"people could not be told: {failed.message}"))
