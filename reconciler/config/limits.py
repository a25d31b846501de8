"""Tables of a service's configuration that are about time: leases and deadlines."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.config.types import Section, Span
from reconciler.util.duration import format_duration

LONGEST_LEASE = timedelta(hours=24)
"""A deploy's resources are proved its own by their creation within a day of its birth."""

SHORTEST_LEASE = timedelta(seconds=3)


class LeaseLengths(Section):
    """How long a lease lasts without being renewed, and how long a deploy may take in all.

    `frozen` is the most that it lasts while the live database is shut.
    """

    length: Span = timedelta(minutes=10)
    frozen: Span = timedelta(seconds=90)
    limit: Span = timedelta(hours=2)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.length < SHORTEST_LEASE:
            raise ValueError(f"length: at least {format_duration(SHORTEST_LEASE)}")
        if self.frozen < SHORTEST_LEASE:
            raise ValueError(f"frozen: at least {format_duration(SHORTEST_LEASE)}")
        if self.limit > LONGEST_LEASE:
            raise ValueError("limit: at most 24h")
        if self.limit < self.length:
            raise ValueError("limit: shorter than one length")
        return self

    @property
    def renew_every(self) -> timedelta:
        """Three tenths of the length, so that two renewals may fail and the third is in time."""
        return self.length * 3 / 10


class Limits(Section):
    """Our own deadlines: when an AWS wait ends, its error names the cause, not the time-out."""

    image: Span = timedelta(minutes=30)
    boot: Span = timedelta(minutes=5)
    connect: Span = timedelta(minutes=5)
    hook: Span = timedelta(minutes=2)
    upload: Span = timedelta(minutes=15)
    install: Span = timedelta(minutes=15)
    copy_: Annotated[Span, Field(alias="copy")] = timedelta(hours=1)
    migrate: Span = timedelta(minutes=15)
    start: Span = timedelta(minutes=2)
    delete: Span = timedelta(minutes=5)
