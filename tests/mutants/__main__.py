"""`make mutants`: removes each guard in turn, and fails where no quick test goes red.

    python -m tests.mutants [--near] [--untried N] [WORD...]

With words: only guards that have one of them in name, rule or place. With `--near`, and for a few
guards, only the tests near each guard are run. With `--untried N`: at most N guards, of those that
no run has tried yet. docs/mutants.md is written anew: each guard with the test that noticed, which
is tried first the next time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.mutants import page
from tests.mutants.guard import ROOT, Guard, guards
from tests.mutants.quick import near, quick_files
from tests.mutants.trials import OPTIONS, Trials

FEW = 10
"""Guards for which collecting all quick tests would take longer than running those near them."""


def main(argv: list[str]) -> int:
    """Try the guards; the exit code is 1 if one can be removed unnoticed."""
    asked = _asked(argv)
    wanted, recorded = _wanted(asked.words, asked.untried), page.recorded()
    is_near = asked.near or len(wanted) <= FEW
    os.environ |= {"HYPOTHESIS_PROFILE": "mutants", "FUZZ_CASES": "100"}
    trials = Trials(
        wanted, recorded, int(os.environ.get("WORKERS", "2")), _tell, near if is_near else None
    )
    files = _near(wanted, recorded) if is_near else quick_files()
    code = pytest.main([*OPTIONS, *files], plugins=[trials])
    if set(trials.found) != {one.name for one in wanted}:
        return int(code) or 1
    for test in sorted(trials.doubtful):
        _say(f"red with every guard in place: {test}")
    is_whole = len(wanted) == len(guards()) and not is_near
    return _finish(wanted, _without(trials.found, trials.doubtful), is_whole)


def _finish(wanted: Sequence[Guard], found: dict[str, str], is_whole: bool) -> int:
    """Write the page and the summary: `found` has '' for what no test noticed."""
    lost = [one for one in wanted if not found[one.name]]
    for guard in lost:
        _say(f"no quick test notices that this is gone: {guard.name} ({guard.place})")
    page.write(guards(), found, _commit() if is_whole else "")
    _say(f"{len(wanted)} guards, {len(lost)} can be removed unnoticed")
    return 1 if lost else 0


def _without(found: dict[str, str], doubtful: frozenset[str]) -> dict[str, str]:
    return {name: "" if test in doubtful else test for name, test in found.items()}


def _asked(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--near", action="store_true")
    parser.add_argument("--untried", type=int, metavar="N")
    parser.add_argument("words", nargs="*", metavar="WORD")
    return parser.parse_args(argv)


def _wanted(words: list[str], untried: int | None) -> list[Guard]:
    named = [one for one in guards() if _is_named(one, words)]
    rows = page.rows()
    new = [one for one in named if rows.get(one.name, page.UNTRIED) == page.UNTRIED]
    return named if untried is None else new[:untried]


def _is_named(guard: Guard, words: list[str]) -> bool:
    text = f"{guard.name} {guard.rule} {guard.place}"
    return not words or any(word in text for word in words)


def _near(wanted: Sequence[Guard], recorded: dict[str, str]) -> list[str]:
    noticed = (recorded[one.name].partition("::")[0] for one in wanted if one.name in recorded)
    return sorted({*noticed, *(file for one in wanted for file in near(one))})


def _commit() -> str:
    argv = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=True).stdout.strip()


def _tell(guard: Guard, test: str) -> None:
    page.write(guards(), {guard.name: test})  # a run that is interrupted has not been for nothing
    _say(f"{guard.name}: {test or 'NOT NOTICED'}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
