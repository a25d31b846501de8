"""How long AWS takes: for a call, a packet, and until an image or a machine is ready, where wanted.

Off by default: most tests do not concern it. The figures are those of one client in one region;
`fault latency aws` uses them as they are, a number multiplies them. The wait comes before the call
is carried out and outside the lock, so calls side by side wait side by side, as on AWS. Where
nothing is published a figure is assumed, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """Seconds until the answer, and where that figure is from."""

    seconds: float
    source: str


_PERCIVAL = "ec2-boot-bench, C. Percival, daemonology.net, 2021-08-12"
_RUNNERS = "X-Ray traces in github-aws-runners/terraform-aws-github-runner#5327, 2026-09-02"

ANY = Figure(
    0.2,
    "assumed: AWS publishes no figure, and measured ones lie on both sides (0.05 to 0.23 s for a "
    "small answer)",
)
RUN_INSTANCES = Figure(1.5, f"{_PERCIVAL}: 1.54 s; CreateFleet took 1.83 s: {_RUNNERS}")

FIGURES = {
    "ec2:RunInstances": RUN_INSTANCES,
    "rds:DescribeDBInstances": Figure(
        0.23, "hashicorp/terraform-provider-aws#33404, 2023-09-11: http.duration=226"
    ),
    "route53:ChangeResourceRecordSets": Figure(
        0.2,
        "assumed: go-acme/lego#2180, 2024-05-08, shows that the zone's look-up and the change take "
        "less than a second or two together; the 38 s after it are the way to the name servers",
    ),
    "route53:ListResourceRecordSets": Figure(
        0.1,
        "hashicorp/terraform#18509, 2018-07-20: the debug log goes on 0.100 s after the request",
    ),
    "ssm:GetParameter": Figure(0.05, f"GetParameters took 0.05 s, PutParameter 0.08 s: {_RUNNERS}"),
}
"""By service and action; every other call takes ANY."""

RUNNING = Figure(
    4.9,
    f"{_PERCIVAL}: 4.90 s from `pending` to `running`; brevdev/ec2-coldboot-research has 16.5 s",
)
IMAGE = Figure(
    60.0,
    "assumed: it depends on the blocks that changed since the last snapshot, from seconds to hours",
)

ROUND_TRIP = Figure(
    0.03,
    "assumed: somebody on the continent of the region; from one continent to another it is 0.08 to "
    "0.5 s (bytecode.tech/aws-latency-index, 2019-04-06)",
)
"""From here to a machine's public address and back; a connection takes one before its first byte.

Within a region it is under a millisecond, and is not imitated.
"""


def figure(service: str, action: str) -> Figure:
    """What a call takes at AWS's own pace."""
    return FIGURES.get(f"{service}:{action}", ANY)
