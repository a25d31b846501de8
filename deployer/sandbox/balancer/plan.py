"""What the sandbox's load balancers have to do, as a value; pure.

Times are in real seconds (`AwsOptions.balancer_second` has been applied), moments are monotonic.
Sources: Application Load Balancers guide, "Target groups", "Listener rules"; Network Load
Balancers guide, "Target groups".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

HTTP = "HTTP"
TargetKey = tuple[str, str, int]
"""Group, target id and port: an instance may be registered several times, on different ports."""


@dataclass(frozen=True)
class Target:
    """A registered target; with `drains_until` one that is being deregistered."""

    group: str
    id: str
    port: int
    address: str
    zone: str
    drains_until: float = 0.0

    @property
    def key(self) -> TargetKey:
        return (self.group, self.id, self.port)


@dataclass(frozen=True)
class HealthCheck:
    """How the targets of a group are checked. `port` 0 is the port of the target's traffic.

    `successes` turn an unhealthy target healthy, `failures` a healthy one unhealthy; a new target
    needs `first` successes. `codes` as in a Matcher: `200`, `200-299` or `200,302`.
    """

    protocol: str
    port: int
    path: str
    interval: float
    timeout: float
    successes: int
    failures: int
    first: int
    codes: str


@dataclass(frozen=True)
class TargetGroup:
    """A group that receives traffic. `ends_flows`: connections end with the deregistration."""

    arn: str
    check: HealthCheck
    targets: tuple[Target, ...]
    cross_zone: bool = True
    ends_flows: bool = True


@dataclass(frozen=True)
class Reply:
    """An answer that the balancer gives itself."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True)
class Rule:
    """The patterns of a rule, and its action: weights by group, or a fixed reply."""

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    weights: tuple[tuple[str, int], ...] = ()
    reply: Reply | None = None


@dataclass(frozen=True)
class Listener:
    """A port of a balancer; `rules` in the order of their priority, the default rule last."""

    arn: str
    protocol: str
    port: int
    rules: tuple[Rule, ...]
    idle_timeout: float = 60.0


@dataclass(frozen=True)
class Node:
    """The balancer's address in one Availability Zone."""

    address: str
    zone: str


@dataclass(frozen=True)
class Balancer:
    """A load balancer with its nodes and listeners."""

    arn: str
    dns_name: str
    nodes: tuple[Node, ...]
    listeners: tuple[Listener, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that is to run; `groups` are those that a listener names, by ARN."""

    balancers: tuple[Balancer, ...] = ()
    groups: Mapping[str, TargetGroup] = field(default_factory=dict)


@dataclass(frozen=True)
class Health:
    """The result of a target's health checks: `initial`, `healthy` or `unhealthy`, and why."""

    state: str
    reason: str = ""
    description: str = ""

    @property
    def is_healthy(self) -> bool:
        return self.state == "healthy"


REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
HEALTHY = Health("healthy")


class LoadBalancers(Protocol):
    """Runs load balancers."""

    def follow(self, plan: Plan) -> None:
        """Run this instead of what ran before; returns when it is in force."""
        ...

    def health(self, target: TargetKey) -> Health:
        """The health of a target of a group that receives traffic."""
        ...
