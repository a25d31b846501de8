"""How long AWS takes for a call: what every call costs where `fault latency` is on.

Off by default: most tests do not concern it. The figures are those of one client in one region;
`fault latency aws` uses them as they are, a number multiplies them. The wait comes before the call
is carried out and outside the lock, so calls side by side wait side by side, as on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer.sandbox.aws.http.request import ApiCall


@dataclass(frozen=True)
class Figure:
    """Seconds until the answer, and where that figure is from."""

    seconds: float
    source: str


_PERCIVAL = "ec2-boot-bench, C. Percival, daemonology.net, 2021-08-12: 1.54 s for the call"
_ASSUMED = "assumed: no published figure was found; a fifth of a second is the usual order"

RUN_INSTANCES = Figure(1.5, _PERCIVAL)
ANY = Figure(0.2, _ASSUMED)

FIGURES = {"ec2:RunInstances": RUN_INSTANCES}
"""By service and action; every other call takes ANY."""


def seconds(call: ApiCall, scale: float) -> float:
    """How long the call waits, at `scale` times AWS's figures."""
    return FIGURES.get(f"{call.service}:{call.action}", ANY).seconds * scale
