"""A share of the slow tests for each day: `pytest --share 28` runs a twenty-eighth, by name.

The quick tests always run. Which part it is depends on the day, so that four weeks see all of them;
SHARE_DAY sets the day, and `make whole` runs everything.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

SLOW = ("attacks", "crash", "e2e")
"""Folders of tests/ whose tests start commands, machines and databases."""

REALITY = "reality"
UNREAL = (
    "test_imitation.py",
    "test_page.py",
    "test_vm_parts.py",
    "test_where_it_cannot_run.py",
)
TENTHS = 10
"""Of the tests on real machines a day has a tenth; those that boot none always run."""

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
    items, day = list(items), int(os.environ[DAY])
    real = {item.nodeid for item in items if is_real(item, folder_of)} if shares > 1 else set()
    today = a_tenth(real, day)
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        slow = folder_of[item] in SLOW and not is_of_the_day(item.nodeid, shares, day)
        (others if slow or item.nodeid in real - today else kept).append(item)
    return kept, others


def is_real(item: pytest.Item, folder_of: dict[pytest.Item, str]) -> bool:
    """Whether it boots machines with a real systemd."""
    return folder_of[item] == REALITY and item.path.name not in UNREAL


def a_tenth(names: Iterable[str], day: int) -> set[str]:
    """The day's tenth of the names, at least one."""
    ordered = sorted(names)
    step = min(TENTHS, len(ordered))
    return set(ordered[day % step :: step]) if step else set()
