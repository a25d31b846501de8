"""Says what an adopted machine is that retention has forgotten, and how to let it go. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Verdict
from reconciler.model.resource import Resource


def let_go_lines(verdicts: Iterable[Verdict], prices: Prices) -> list[str]:
    """Two lines for each such machine: what it is and costs, and the command; else nothing."""
    machines = [verdict.resource for verdict in verdicts if verdict.let_go]
    return [line for machine in machines for line in (_what(machine, prices), _command(machine))]


def _what(machine: Resource, prices: Prices) -> str:
    return (
        f"{machine.id} was adopted and is no release any more ({machine.state}, "
        f"{estimate.price(machine, prices)}): no deploy made it, so no sweep deletes it"
    )


def _command(machine: Resource) -> str:
    return f"To let it go         deployer retire {machine.deploy}"
