"""The schema of `[traffic]`: what sends clients to the live deploy."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from reconciler.config.types import Section, matching

Listener = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener(-rule)?/[A-Za-z0-9/_-]+",
        "the ARN of a listener, or of one of its rules",
    ),
]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("each listener once")
    return values


class TrafficSettings(Section):
    """`record`: the A record names the machines. `target-group`: listeners forward to them.

    `listener` are listeners or rules, each of which forwards to one target group; empty: the one
    listener of the load balancer that the record is an alias of.
    """

    kind: Literal["record", "target-group", "elastic-ip"] = "record"
    listener: Annotated[tuple[Listener, ...], BeforeValidator(_listed), AfterValidator(_once)] = ()

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.listener and self.kind != "target-group":
            raise ValueError('listener: goes with kind = "target-group", and only with it')
        return self
