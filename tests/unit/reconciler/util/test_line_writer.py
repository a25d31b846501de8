"""Lines reach a terminal without what could draw on it."""

from __future__ import annotations

import io
import json

import pytest

from reconciler.util.line_writer import LineWriter


@pytest.mark.parametrize("sign", ["\x1b", "\x9b", "\x07", "\x85", "\u202e", "\u2067"])
def test_a_control_character_is_escaped(sign: str) -> None:
    """Whatever a tag holds, a terminal shows it as text; in JSON it stays the same string."""
    stream = io.StringIO()
    LineWriter(stream).line(json.dumps({"tag": f"a{sign}31mb"}, ensure_ascii=False))
    LineWriter(stream).line(f"a{sign}31mb")
    first, second = stream.getvalue().splitlines()
    assert sign not in stream.getvalue()
    assert json.loads(first)["tag"] == f"a{sign}31mb"
    assert second == f"a\\u{ord(sign):04x}31mb"


def test_letters_of_all_languages_stay() -> None:
    """Lines and tabs of our own stay as well."""
    stream = io.StringIO()
    LineWriter(stream).line("→ größer\n\t日本")
    assert stream.getvalue() == "→ größer\n\t日本\n"
