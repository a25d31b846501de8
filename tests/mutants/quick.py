"""Which tests are quick, and which of them to try first.

Quick are the tests in `tests/unit` but those that start a whole sandbox: pure functions, use cases
on fakes, the sandbox's AWS API in this process, a PostgreSQL server, a small SSH server. None needs
a machine. The models and everything slower are left out on purpose: who changes a line learns what
it breaks from the tests beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.guard import ROOT, Guard

UNIT = Path("tests/unit")
WITH_A_SANDBOX = re.compile(r"\b(sandbox|running_sandbox): Sandbox\b")


def quick_files() -> tuple[str, ...]:
    """The files of the quick tests, relative to the project."""
    found = sorted((ROOT / UNIT).rglob("test_*.py"))
    return tuple(
        path.relative_to(ROOT).as_posix()
        for path in found
        if not WITH_A_SANDBOX.search(path.read_text(encoding="utf-8"))
    )


def stages(guard: Guard, recorded: str) -> Iterator[tuple[str, ...]]:
    """The tests to try, the likeliest first; the last stage is all the rest."""
    if recorded:
        yield (recorded,)
    every = quick_files()
    beside = tuple(one for one in every if _is_beside(one, guard))
    importing = tuple(one for one in every if one not in beside and _imports(one, guard))
    near = (*beside, *importing)
    rest = tuple(one for one in every if one not in near)
    yield from (part for part in (beside, importing, rest) if part)


def _is_beside(file: str, guard: Guard) -> bool:
    """Whether the file mirrors the guard's: `gc/mark.py`, `gc/test_mark*.py`."""
    source = Path(guard.file)
    test = Path(file)
    return test.parent == UNIT / source.parent and test.stem.startswith(f"test_{source.stem}")


def _imports(file: str, guard: Guard) -> bool:
    package, _, module = guard.file.removesuffix(".py").replace("/", ".").rpartition(".")
    text = (ROOT / file).read_text(encoding="utf-8")
    whole = rf"{package}\.{module}\b"
    part = rf"from {package} import (\([^)]*|.*)\b{module}\b"
    return re.search(f"{whole}|{part}", text) is not None
