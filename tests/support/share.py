"""A share of the slow tests for each day: `pytest --share 3` runs a third of them, by name.

The quick tests always run. Which third it is depends on the day, so that three days see all of
them; SHARE_DAY sets the day, and `make whole` runs everything.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

SLOW = ("attacks", "crash", "e2e")
"""Folders of tests/ whose tests start commands, machines and databases."""

DAY = "SHARE_DAY"


def fix_day() -> None:
    """Set the day once, in the environment: the workers of a run agree on it beyond midnight."""
    os.environ.setdefault(DAY, str(datetime.now(UTC).toordinal()))


def is_of_the_day(name: str, shares: int, day: int) -> bool:
    """Whether the test of this name is in the day's share."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % shares == day % shares


def without_other_days(
    items: Iterable[pytest.Item], shares: int, folder_of: dict[pytest.Item, str]
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests to run, and those of other days."""
    day = int(os.environ[DAY])
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        slow = folder_of[item] in SLOW
        (others if slow and not is_of_the_day(item.nodeid, shares, day) else kept).append(item)
    return kept, others
