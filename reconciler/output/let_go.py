"""Says what an adopted machine is that retention has forgotten, and how to let it go. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.gc.verdict import Verdict


def let_go_lines(verdicts: Iterable[Verdict], prices: Prices) -> list[str]:
    """Two lines for each such machine: what it is and costs, and the command; else nothing."""
    lines = []
    for machine in (verdict.resource for verdict in verdicts if verdict.let_go):
        lines.append(
            f"{machine.id} was adopted and is no release any more ({machine.state}, "
            f"{estimate.price(machine, prices)}): no deploy made it, so no sweep deletes it"
        )
        lines.append(f"To let it go         deployer retire {machine.deploy}")
    return lines
