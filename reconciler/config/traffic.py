"""The schema of `[traffic]`: what sends clients to the live deploy."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, PlainValidator, model_validator

from reconciler.config.types import Section, matching, parse_span

Listener = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener(-rule)?/[A-Za-z0-9/_-]+",
        "the ARN of a listener, or of one of its rules",
    ),
]


Allocation = Annotated[
    str, matching(r"eipalloc-[0-9a-f]{8,17}", "the allocation id of an Elastic IP")
]

NEVER = "never"


def _drain(value: object) -> timedelta | None:
    return None if value == NEVER else parse_span(value)


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("each listener once")
    return values


class TrafficSettings(Section):
    """What sends clients to the machines.

    `record`: the A record names them. `target-group`: listeners forward to them; `listener` are
    listeners or rules, each of which forwards to one target group; empty: the one listener of the
    load balancer that the record is an alias of. `elastic-ip`: one machine has it; `allocation`
    names it, None: the one in the record. `drain` is how long, after the record's old TTL,
    connections to the old release may stay open; then its app is stopped. None, written "never": it
    serves on until its machines go.
    """

    kind: Literal["record", "target-group", "elastic-ip"] = "record"
    listener: Annotated[tuple[Listener, ...], BeforeValidator(_listed), AfterValidator(_once)] = ()
    allocation: Allocation | None = None
    drain: Annotated[timedelta | None, PlainValidator(_drain)] = timedelta(minutes=10)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.listener and self.kind != "target-group":
            raise ValueError('listener: goes with kind = "target-group", and only with it')
        if self.allocation and self.kind != "elastic-ip":
            raise ValueError('allocation: goes with kind = "elastic-ip", and only with it')
        return self

    @property
    def routes(self) -> tuple[str, ...]:
        """What leads to the live deploy, as far as it is named."""
        return (self.allocation,) if self.allocation else self.listener
