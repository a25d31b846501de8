"""The file that says how the sweep of a scope ended."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.errors import ConfigError
from reconciler.sweep.scopes.result import ScopeResult, decode, encode

NOW = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
RESULT = ScopeResult(
    "123456789012/eu-west-1", 4, NOW, NOW, "denied", "log in", 7, "run-1", {"clean": False}
)


def test_a_result_is_read_as_it_was_written() -> None:
    """With an answer and without."""
    for result in (RESULT, replace(RESULT, answer={}, exit=0, message="")):
        assert decode(encode(result)) == result


def test_a_newer_result_is_refused_in_words() -> None:
    """What a later version means by it is not known here."""
    document = {**json.loads(encode(RESULT)), "version": 2}
    with pytest.raises(ConfigError, match="of version 2, we know 1"):
        decode(json.dumps(document).encode())


@pytest.mark.parametrize("key", ["format", "scope", "exit", "began", "answer"])
def test_anything_else_is_no_result(key: str) -> None:
    """A file of another kind never counts as a scope that is clean."""
    document = json.loads(encode(RESULT))
    for value in (None, [1], "x" if key != "scope" else 3):
        with pytest.raises(ConfigError, match="not the result of a scope"):
            decode(json.dumps({**document, key: value}).encode())
    for body in (b"", b"{", b"[]", b"\xff", b"null"):
        with pytest.raises(ConfigError, match="not the result of a scope"):
            decode(body)
