"""The schema of `reconciler.toml`: where the sweep runs, with which roles, and its limits.

`accounts` and `regions` are an allow-list: what is not on it is never entered, whatever a service's
file says. So a contradiction between the two is refused before the first call, not when it is hit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from reconciler.config.types import (
    Account,
    Duration,
    Reference,
    Region,
    S3Place,
    Section,
    is_region,
)

ALL_REGIONS = ("all",)
"""`regions = "all"`: every region that is enabled in the account, read from AWS in every run."""

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]+")


Topic = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$")
]


def _regions(value: object) -> tuple[Region, ...]:
    if value == "all":
        return ALL_REGIONS
    if not isinstance(value, tuple | list):
        raise ValueError('a list of regions is wanted, or "all"')
    for region in value:
        if region == "all":
            raise ValueError('"all" stands alone: regions = "all"')
        if not is_region(region):
            raise ValueError(f"{region!r} is not a region such as eu-west-1")
    return tuple(value)


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    for item in values:
        if values.count(item) > 1:
            raise ValueError(f"{item!r} is there twice")
    return values


def _roles(roles: Mapping[str, str]) -> Mapping[str, str]:
    for account, role in roles.items():
        arn = _ROLE.fullmatch(role)
        if arn is None:
            raise ValueError(f"{role!r} is not a role: arn:aws:iam::{account}:role/NAME is wanted")
        if arn[1] != account:
            raise ValueError(f"the role of {account} is one of {arn[1]}: it leads elsewhere")
    return roles


class BreakerSettings(Section):
    """How many deletions of one service a run may do before it refuses and shows them."""

    max_count: Annotated[int, Field(ge=0)] = 10
    share: Annotated[float, Field(ge=0, le=1)] = 0.2


class ReachSettings(Section):
    """What can be reached from where the sweep runs, besides AWS.

    False: not tried, which saves the time-outs; actions that need it are skipped, and reported.
    """

    machines: bool = True
    databases: bool = True


class Notices(Section):
    """Who is notified of what a sweep removes; without `webhook` and `topic`, nobody is.

    `webhook` refers to a URL that takes Slack's JSON; the URL is itself a secret, never shown.
    `topic` is the ARN of an SNS topic. `planned` and `done` select the notices.
    """

    webhook: Reference | None = None
    topic: Topic | None = None
    planned: bool = True
    done: bool = True


class Reconciler(Section):
    """`reconciler.toml`. Accounts and regions that are not set are those of the services.

    `accounts` is an allow-list; so is `regions`, unless it is ALL_REGIONS. `roles` maps an account
    id to the role to assume there. `min_age` keeps younger resources. `lift_protection` removes the
    protection against deletion from garbage. `kinds` are looked at in addition to EC2's: no release
    makes them, only hooks do. `journal` is where it is told what became of every operation.
    """

    accounts: Annotated[tuple[Account, ...], AfterValidator(_once)] = ()
    regions: Annotated[tuple[Region, ...], PlainValidator(_regions), AfterValidator(_once)] = ()
    roles: Annotated[Mapping[Account, str], AfterValidator(_roles)] = Field(default_factory=dict)
    breaker: BreakerSettings = BreakerSettings()
    reach: ReachSettings = ReachSettings()
    min_age: Duration = timedelta(0)
    lift_protection: bool = False
    kinds: tuple[Literal["rds-instance", "rds-snapshot", "target-group"], ...] = ()
    notices: Notices = Notices()
    journal: S3Place | None = None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        strange = sorted(set(self.roles) - set(self.accounts)) if self.accounts else []
        if strange:
            raise ValueError(f"roles: {strange[0]} is not one of `accounts`")
        return self

    @property
    def all_regions(self) -> bool:
        """Whether every enabled region is selected."""
        return self.regions == ALL_REGIONS

    def forbids(self, account: str, region: str = "") -> str:
        """The key whose allow-list excludes the account or the region; '' if none does."""
        if self.accounts and account not in self.accounts:
            return "accounts"
        listed = self.regions and not self.all_regions
        return "regions" if region and listed and region not in self.regions else ""
