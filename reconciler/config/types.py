"""The types of configuration values: durations, references, paths, names.

Each converts text to a value or raises ValueError with a message for the user. A wrong guess would
cost data or money, so nothing is coerced.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic import ValidationInfo as Info

from reconciler.util.duration import parse_duration
from reconciler.util.secret import Reference as _Reference

# pydantic searches every installed distribution for plugins and would load them: no package that
# happens to be installed may run in a process that holds an account's credentials.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")


class Section(BaseModel):
    """A table of the configuration: frozen, unknown keys refused, nothing coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('a duration in quotes is wanted: "90s", "5m", "2h", "7d"')
    return parse_duration(value)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def parse_span(value: object) -> timedelta:
    """A duration longer than zero. Raises ValueError."""
    return _positive(_duration(value))


def _reference(value: object) -> _Reference:
    if isinstance(value, _Reference):
        return value
    if not isinstance(value, str):
        raise ValueError('a reference is wanted ("env:NAME", "file:PATH" or "ssm:/path")')
    return _Reference.parse(value)


def _local_path(value: object, info: Info) -> Path:
    """Relative paths start at the parent of the configuration directory: the project's root."""
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("a path is wanted")
    base = (info.context or {}).get("base", Path())
    return Path(base, Path(value).expanduser())


def matching(pattern: str, wanted: str) -> AfterValidator:
    """Check the whole value against a pattern; `wanted` says in words what it is."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not {wanted}")
        return value

    return AfterValidator(check)


def is_region(value: object) -> bool:
    """Whether it has a region's form; only AWS knows which regions exist."""
    return isinstance(value, str) and re.fullmatch(_REGION, value) is not None


Duration = Annotated[timedelta, PlainValidator(_duration)]
"""Zero or longer."""

Span = Annotated[timedelta, PlainValidator(_duration), AfterValidator(_positive)]
"""Longer than zero."""

Reference = Annotated[_Reference, PlainValidator(_reference)]
LocalPath = Annotated[Path, BeforeValidator(_local_path)]
RemotePath = Annotated[str, matching(r"/[^\0\n]+", "an absolute path")]
Line = Annotated[str, matching(r"[^\0\n]*\S[^\0\n]*", "one line of shell")]
"""A command: one line for `sh`, run in the code's directory."""

Unit = Annotated[str, matching(r"[A-Za-z0-9:_.@\\-]+", "the name of a systemd unit")]
Account = Annotated[str, matching(r"\d{12}", "an account id (12 digits, in quotes)")]
_REGION = r"[a-z]{2}(-[a-z]+)+-\d"
Region = Annotated[str, matching(_REGION, "a region such as eu-west-1")]
HostName = Annotated[
    str,
    matching(
        r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]",
        "a full host name in lower case, such as shop.example.com",
    ),
]
Zone = Annotated[
    str,
    matching(
        r"Z[A-Z0-9]{3,31}|([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]+",
        "the name or the id of a hosted zone, such as example.com",
    ),
]
ZoneChoice = Annotated[
    str,
    matching(r"public|private|Z[A-Z0-9]{3,31}", 'the id of a hosted zone, "public" or "private"'),
]
LedgerFolder = Annotated[
    str,
    matching(
        r"(?=.{8,150}$)s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
        "a bucket and a folder in it, such as s3://my-company-ledgers/production",
    ),
]
SqlName = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", "a name in PostgreSQL")]
Variable = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable")]
Port = Annotated[int, Field(ge=1, le=65535)]
S3Place = Annotated[
    str,
    matching(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()-]+)*/?",
        "a bucket and a prefix, such as s3://bucket/prefix",
    ),
]
"""A bucket, and what the keys in it begin with."""
