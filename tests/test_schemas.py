"""The published schemas of answers with --json: made from the code, complete, and strict."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest

from scripts.answer_schemas import ANSWERS, FOLDER, file_of, index, schema, text
from tests.support.answers import check_answer, check_line

ROOT = Path(__file__).resolve().parents[1]
PRICES = {
    "schema": "reconciler.prices/1",
    "as_of": "2026-11-01",
    "table": "2025-03",
    "regions": {},
    "file": "/x",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_file_is_what_the_types_say(name: str) -> None:
    """Made anew after a change: `PYTHONPATH=. .venv/bin/python scripts/answer_schemas.py`."""
    assert file_of(name).read_text(encoding="utf-8") == text(name)
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_the_page_lists_every_file() -> None:
    """And no file is left of an answer that is no more."""
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index()
    assert set(FOLDER.glob("*.json")) == {file_of(name) for name in ANSWERS}


def test_every_answer_of_a_command_has_a_schema() -> None:
    """Its name stands where the command answers; none is published that no command gives."""
    named = {
        name
        for product in ("deployer", "reconciler")
        for path in (ROOT / product).rglob("*.py")
        if not path.name.endswith("answers.py")
        for name in re.findall(r'"((?:deployer|reconciler)\.[a-z-]+/\d+)"', path.read_text())
    }
    assert named == set(ANSWERS)


@pytest.mark.parametrize("key", PRICES)
def test_a_missing_field_is_refused(key: str) -> None:
    """Every field is promised."""
    check_answer(PRICES)
    with pytest.raises((jsonschema.ValidationError, AssertionError)):
        check_answer({name: value for name, value in PRICES.items() if name != key})


def test_a_result_answers_with_a_published_object_or_none() -> None:
    """The last line of a stream; what is in it is held against its own schema."""
    line = {"type": "result", "at": "2026-11-23T03:15:02.125Z", "exit": 0}
    line |= {"message": "", "detail": "", "cure": ""}
    check_line({**line, "answer": {}})
    check_line({**line, "answer": PRICES})
    with pytest.raises(AssertionError):
        check_line({**line, "answer": {"service": "shop"}})
