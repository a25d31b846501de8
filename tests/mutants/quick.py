"""Which tests are quick, and which of them to try first.

Quick are the tests in `tests/unit` but those that start a whole sandbox: pure functions, use cases
on fakes, the sandbox's AWS API in this process, a PostgreSQL server, a small SSH server. None needs
a machine. The models and everything slower are left out on purpose: whoever changes a line learns
what it breaks from the tests beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from tests.mutants.guard import ROOT, Guard

UNIT = Path("tests/unit")
WITH_A_SANDBOX = re.compile(r"\b(sandbox|running_sandbox): Sandbox\b")


@cache
def quick_files() -> tuple[str, ...]:
    """The files of the quick tests, relative to the project."""
    found = sorted((ROOT / UNIT).rglob("test_*.py"))
    return tuple(_name(path) for path in found if not WITH_A_SANDBOX.search(_text(path)))


def in_order(guard: Guard, files: Collection[str]) -> tuple[str, ...]:
    """Those of the files that are quick, the likeliest to notice first."""
    return tuple(file for stage in _stages(guard.file) for file in stage if file in files)


def near(guard: Guard) -> tuple[str, ...]:
    """The quick files that are likely to notice, without all the rest."""
    return tuple(file for stage in _stages(guard.file)[:-1] for file in stage)


@cache
def _stages(source: str) -> tuple[tuple[str, ...], ...]:
    callers = [path for path in _sources() if _imports(path, source)]
    ways: tuple[Callable[[str], bool], ...] = (
        lambda test: _is_beside(test, source),
        lambda test: _imports(ROOT / test, source),
        lambda test: any(_is_beside(test, _name(caller)) for caller in callers),
        lambda test: Path(test).parent == UNIT / Path(source).parent,
        lambda _: True,
    )
    left, stages = quick_files(), []
    for is_likely in ways:
        found = tuple(test for test in left if is_likely(test))
        left = tuple(test for test in left if test not in found)
        stages.append(found)
    return tuple(stages)


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _sources() -> tuple[Path, ...]:
    products = (path for top in ("deployer", "reconciler") for path in (ROOT / top).rglob("*.py"))
    return tuple(path for path in products if "sandbox" not in path.parts)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _is_beside(test: str, source: str) -> bool:
    """Whether the test mirrors the source: `gc/mark.py`, `gc/test_mark*.py`."""
    there, path = Path(source), Path(test)
    return path.parent == UNIT / there.parent and path.stem.startswith(f"test_{there.stem}")


def _imports(path: Path, source: str) -> bool:
    package, _, module = source.removesuffix(".py").replace("/", ".").rpartition(".")
    whole = rf"{package}\.{module}\b"
    part = rf"from {package} import (\([^)]*|.*)\b{module}\b"
    return module in _text(path) and re.search(f"{whole}|{part}", _text(path)) is not None
