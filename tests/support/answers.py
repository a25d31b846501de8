"""Holds every answer with --json against its published schema, whatever state it was given in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from scripts.answer_schemas import ANSWERS, file_of

EVENTS = Path(__file__).resolve().parents[2] / "docs/events.schema.json"
OTHER_GRAMMAR = ("policy", "env", "run")
"""Commands whose objects are not ours: IAM's policies, variables, log lines."""


@cache
def _validator(path: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads(path.read_text()))


def check_answer(value: Mapping[str, Any]) -> None:
    """The object names a schema that is published, and is as that says."""
    assert value.get("schema") in ANSWERS, value
    _validator(file_of(value["schema"])).validate(value)


def check_line(value: Mapping[str, Any]) -> None:
    """An answer, or a line of a stream with the answer in its result."""
    if "type" not in value:
        check_answer(value)
        return
    _validator(EVENTS).validate(value)
    if value["type"] == "result" and value["answer"]:
        check_answer(value["answer"])


def check_output(out: str) -> None:
    """Every line that a finished command wrote to stdout."""
    for line in out.splitlines():
        check_line(json.loads(line))
