"""The shop's way to its database: DATABASE_URL, and one SQL file for each query."""

from __future__ import annotations

import os
from typing import Any

import psycopg

from .machine import ROOT


def connect() -> psycopg.Connection[Any]:
    """A session on the database of this release; the `with` block is one transaction."""
    return psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=3, application_name="shop")


def query(name: str) -> bytes:
    """The SQL of queries/<name>.sql."""
    return (ROOT / "queries" / f"{name}.sql").read_bytes()


def message(error: psycopg.Error) -> str:
    """The server's own words, or the driver's first line."""
    return error.diag.message_primary or str(error).partition("\n")[0]
