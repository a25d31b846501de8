"""The table of docs/bad-days.md that tests/e2e/test_night.py has walked through.

PYTHONPATH=. .venv/bin/python scripts/night_page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/bad-days.md"
GOLDEN = ROOT / "tests/e2e/night.json"
BEGIN, END = "<!-- made by scripts/night_page.py -->\n", "<!-- end of what it made -->\n"
COMMANDS = ("status", "plan", "report", "history", "explain")


def table(states: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each state: what each command said, with its exit code, and what the cure did."""
    head = ["state", *(f"`{name}`" for name in COMMANDS), "the command that `status` offers"]
    rows = [head, ["---"] * len(head)]
    rows += [[name, *_cells(found)] for name, found in states.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(found: Mapping[str, Any]) -> Iterator[str]:
    for name in COMMANDS:
        yield _said(found[name])
    if not found["cure"]:
        yield "none"
        return
    first = f"{_said(found['first'])}; then " if "first" in found else ""
    did, then = _said(found["did"]), _said(found["then"])
    yield f"`{_cell(found['cure'])}`: {first}{did}. Afterwards: {then}"


def _said(one: Mapping[str, Any]) -> str:
    return f"{one['exit']}: {_cell(one['says'])}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").replace("<", "&lt;").split())


def page() -> str:
    """The page with the table as it is recorded now."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    made = table(json.loads(GOLDEN.read_text(encoding="utf-8")))
    return f"{head}{BEGIN}{made}{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
