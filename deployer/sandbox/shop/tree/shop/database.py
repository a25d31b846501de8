"""The shop's way to its database: DATABASE_URL, and one SQL file for each query."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager

from . import postgres
from .machine import ROOT

_PARAMETER = re.compile(r":(\w+)")


def connect() -> AbstractContextManager[postgres.Session]:
    """A session on the database of this release."""
    return postgres.connect(os.environ["DATABASE_URL"])


def query(
    session: postgres.Session, name: str, values: Mapping[str, object] | None = None
) -> list[postgres.Row]:
    """The rows of queries/<name>.sql; `:item` in it is `values["item"]`."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"${len(names)}"

    statement = _PARAMETER.sub(number, (ROOT / "queries" / f"{name}.sql").read_text())
    return session.ask(statement, [(values or {})[one] for one in names])
