"""The schema of `[notices]` in `reconciler.toml`: who is notified of what a sweep removes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.config.types import Reference, Section

Topic = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$")
]


class Notices(Section):
    """Where notices go; without `webhook` and `topic`, nobody is notified.

    `webhook` refers to a URL that takes Slack's JSON; the URL is itself a secret, never shown.
    `topic` is the ARN of an SNS topic. `planned` and `done` select the notices.
    """

    webhook: Reference | None = None
    topic: Topic | None = None
    planned: bool = True
    done: bool = True
