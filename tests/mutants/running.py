"""Runs tests in a copy of the project: pytest in a forked process, with the libraries loaded.

A process of its own for each run, since it imports the copy's modules; forked, since importing the
libraries takes ten times as long as the tests that usually notice.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.guard import ROOT
from tests.mutants.tree import Tree

OPTIONS = (
    "-q",
    *("-p", "no:randomly"),
    *("-p", "no:cacheprovider"),
    "--hypothesis-seed=0",  # the same examples each time
    *("--timeout=60", "-o", "timeout_method=signal"),  # without its guard a loop may not end
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # plugins are loaded already
)
OURS = ("deployer", "reconciler", "tests", "scripts")


class RunFailed(Exception):
    """No test was red, yet the run failed: the source without its guard cannot be imported."""


@dataclass
class _Listener:
    """Collects the ids of the tests that were red, and of those that ran."""

    red: list[str]
    ran: int = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        if report.failed:
            self.red.append(report.nodeid)


def red_tests(tree: Tree, tests: Sequence[str], *, first: bool = True) -> list[str]:
    """The ids of the tests that are red in the copy; with `first`, of one at most.

    Raises RunFailed if the tests could not be collected.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        child = os.fork()
        if child == 0:
            _run(tree, [*OPTIONS, *(["-x"] if first else []), *tests], said)
        os.waitpid(child, 0)
        answer: dict[str, Any] = json.loads(said.read_text()) if said.exists() else {}
    if not answer.get("red") and (answer.get("code") != pytest.ExitCode.OK or not answer["ran"]):
        raise RunFailed(f"{' '.join(tests)}: {answer.get('output', 'the run has died')}")
    return list(dict.fromkeys(answer["red"]))


def _run(tree: Tree, argv: Sequence[str], said: Path) -> None:
    """In the child: run the tests, say what was red, end."""
    try:
        output = said.with_name("output")
        _redirect(output)
        _move_to(tree)
        listener = _Listener([])
        code = int(pytest.main(list(argv), plugins=[listener]))
        text = output.read_text(encoding="utf-8", errors="replace")[-3000:]
        answer = {"code": code, "red": listener.red, "ran": listener.ran, "output": text}
        said.write_text(json.dumps(answer))
    finally:
        os._exit(0)  # nothing of the parent's is to be closed twice


def _redirect(output: Path) -> None:
    with output.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


def _move_to(tree: Tree) -> None:
    """Import from the copy, in this process and in those that tests start."""
    for name in [one for one in sys.modules if one.partition(".")[0] in OURS]:
        del sys.modules[name]
    for name in [one for one in os.environ if one.startswith(("PYTEST_", "COV_"))]:
        del os.environ[name]
    sys.path[:] = [str(tree.root), *(one for one in sys.path if Path(one).resolve() != ROOT)]
    sys.path_importer_cache.clear()
    os.environ |= {"PYTHONPATH": str(tree.root), "FUZZ_CASES": "100"}
    os.chdir(tree.root)


def load_libraries(tree: Tree, tests: Sequence[str]) -> None:
    """Import in this process whatever else these tests import, before anything is forked."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        child = os.fork()
        if child == 0:
            try:
                _redirect(Path(os.devnull))
                _move_to(tree)
                pytest.main([*OPTIONS, "--collect-only", *tests])
                said.write_text("\n".join(sys.modules))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        names = said.read_text().splitlines()
    for name in names:
        if name.partition(".")[0] not in OURS:
            with suppress(Exception):  # a part of a library that cannot be imported by itself
                importlib.import_module(name)
