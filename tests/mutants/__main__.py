"""`make mutants`: removes each guard in turn, and fails where no quick test goes red.

    python -m tests.mutants [WORD...]     only guards with one of these words in name, rule or place

Without words docs/mutants.md is written anew: each guard with the test that noticed. That test is
tried first the next time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

from tests.mutants import page
from tests.mutants.guard import ROOT, Guard, guards
from tests.mutants.quick import quick_files, stages
from tests.mutants.running import RunFailed, load_libraries, red_tests
from tests.mutants.tree import Tree

_trees: list[Tree] = []
"""The copy of this process."""


def main(words: list[str]) -> int:
    """Try the guards side by side; the exit code is 1 if one can be removed unnoticed."""
    wanted = [one for one in guards() if _is_named(one, words)]
    recorded = page.recorded()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        whole = _tree(folder)
        load_libraries(whole, quick_files())
        jobs = [(guard, recorded.get(guard.name, "")) for guard in wanted]
        found: dict[Guard, str] = {}
        # Forked: the workers have the libraries.
        with get_context("fork").Pool(_workers(), _begin, (folder,)) as pool:
            for guard, test in pool.imap_unordered(_tried, jobs):
                found[guard] = test
                _say(f"{len(found)}/{len(jobs)} {guard.name}: {test or 'NOT NOTICED'}")
        doubtful = _red_anyway(whole, found)
    survivors = [one for one in wanted if not found[one] or found[one] in doubtful]
    for guard in survivors:
        _say(f"no quick test notices that this is gone: {guard.name} ({guard.place})")
    if not words:
        page.write([(one, found[one]) for one in wanted if one not in survivors], _commit())
    _say(f"{len(wanted)} guards, {len(survivors)} can be removed unnoticed")
    return 1 if survivors else 0


def _workers() -> int:
    return int(os.environ.get("WORKERS", "2"))


def _is_named(guard: Guard, words: list[str]) -> bool:
    text = f"{guard.name} {guard.rule} {guard.place}"
    return not words or any(word in text for word in words)


def _tree(folder: str) -> Tree:
    return Tree.copied(Path(tempfile.mkdtemp(dir=folder)))


def _begin(folder: str) -> None:
    _trees[:] = [_tree(folder)]


def _tried(job: tuple[Guard, str]) -> tuple[Guard, str]:
    """The guard and the first quick test that is red without it; '' if none is."""
    guard, recorded = job
    with _trees[0].lacking(guard):
        return guard, noticed(_trees[0], guard, recorded)


def noticed(tree: Tree, guard: Guard, recorded: str) -> str:
    """The first quick test that is red in the copy; '' if none is."""
    for tests in stages(guard, recorded):
        try:
            red = red_tests(tree, tests)
        except RunFailed:
            if tests != (recorded,):
                raise
            continue  # the test has another name by now
        if red:
            return red[0]
    return ""


def _red_anyway(whole: Tree, found: dict[Guard, str]) -> set[str]:
    """The tests that are red with all guards in place: they have noticed nothing."""
    tests = sorted({one for one in found.values() if one})
    doubtful = set(red_tests(whole, tests, first=False)) if tests else set()
    for test in sorted(doubtful):
        _say(f"red with every guard in place: {test}")
    return doubtful


def _commit() -> str:
    argv = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=True).stdout.strip()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
