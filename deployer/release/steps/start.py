"""Start: the app's units on every new machine; jobs stay stopped until the commit."""

from __future__ import annotations

from deployer.release.context import ReleaseContext
from reconciler.machine.unit_control import Act, obey
from reconciler.util.concurrency import side_by_side


def start(run: ReleaseContext) -> str:
    """Start the app under the fence: a start that arrives late must be refused."""
    act = Act(run.held.generation, str(run.deploy), app="run", jobs="stop")
    side_by_side(run.created.machines, lambda machine: obey(machine.shell, run.gate, act))
    return ", ".join(run.ports.service.app.units)
