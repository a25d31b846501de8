"""Secrets are references in the configuration, resolved late, and never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import ConfigError

SCHEMES = ("env", "file", "ssm")

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Secret:
    """A value that is not shown: not in logs, messages or tracebacks."""

    _value: str

    def reveal(self) -> str:
        """The value. Call it at the last moment, and keep it out of argv."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True)
class Reference:
    """Where a secret is: `env:NAME`, `file:PATH` or `ssm:/path`. Not itself a secret."""

    scheme: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference written as `text`.

        Raises ValueError without repeating the text: an invalid reference may be the secret itself.
        """
        scheme, colon, value = text.partition(":")
        if not colon or scheme not in SCHEMES or not value or "//" in value[:2]:
            raise ValueError('a reference is wanted ("env:NAME", "file:PATH" or "ssm:/path")')
        if scheme == "env" and _ENV_NAME.fullmatch(value) is None:
            raise ValueError("env: wants the name of an environment variable")
        if scheme == "ssm" and not value.startswith("/"):
            raise ValueError("ssm: wants a parameter's path, which begins with /")
        return cls(scheme, value)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


_FILL = "write the secret into it, or correct the reference"


def resolve(reference: Reference, from_ssm: Callable[[str], str]) -> Secret:
    """The secret that `reference` names; `from_ssm` reads one parameter of AWS SSM.

    Raises ConfigError if it is missing or empty, and whatever `from_ssm` raises.
    """
    if reference.scheme == "ssm":
        value = from_ssm(reference.value)
    else:
        value = _from_env(reference) if reference.scheme == "env" else _from_file(reference)
    value = value.removesuffix("\n").removesuffix("\r")  # whoever wrote it used an editor, or echo
    if not value:
        raise ConfigError(f"{reference} is empty", cure=_FILL)
    return Secret(value)


def _from_env(reference: Reference) -> str:
    try:
        return os.environ[reference.value]
    except KeyError as error:
        raise ConfigError(
            f"the environment variable {reference.value} is not set, and the configuration "
            f"refers to it as {reference}"
        ) from error


def _from_file(reference: Reference) -> str:
    path = Path(reference.value).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            f"{reference} cannot be read: {why}",
            cure="correct the path in the configuration, or let this user read the file",
        ) from error


_URL_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]*://[^\s:/@]*:)(?!PASSWORD@)[^\s]+(@)", re.IGNORECASE)
"""Up to the last `@` of the word: a password that should have been escaped may contain one."""

_URL_TOKEN = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s:/@]{16,}(@)", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"((?:password|passwd|passphrase|secret\w*|token|api_?key|access_?key)"
    r"['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(\bbearer\s+)[^\s'\"]+", re.IGNORECASE)
_PATTERNS = (
    (_URL_PASSWORD, r"\1***\2"),
    (_URL_TOKEN, r"\1***\2"),
    (_ASSIGNED, r"\1***"),
    (_BEARER, r"\1***"),
)


def redact(text: str) -> str:
    """The text without recognizable secrets: for logs, tracebacks and the output of commands.

    Passwords and tokens in URLs, `password=…` and its like, bearer tokens.
    """
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text
