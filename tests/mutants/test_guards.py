"""The list of guards is that of the source, and its page that of the list.

`make mutants` tries all of them; here it is a few each day.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.mutants import page
from tests.mutants.guard import ROOT, Guard, Outdated, guards
from tests.mutants.in_process import remove
from tests.mutants.quick import in_order, near, quick_files
from tests.support.share import DAY

GUARDS = guards()
A_DAY = 2
SOURCE = "def f(a):\n    check(a)\n    return a\n\n\ndef g(a):\n    check(a)\n    return a\n"
GUARD = Guard("f checks", "rule 1", "x.py", "f", "check(a)", "pass")


def test_each_guard_stands_in_the_source() -> None:
    """An entry is corrected with the code that it names: its text occurs there exactly once."""
    found = []
    for guard in GUARDS:
        try:
            guard.removed((ROOT / guard.file).read_text(encoding="utf-8"))
        except Outdated as error:
            found.append(str(error))
    assert found == []
    assert [name for name, count in Counter(one.name for one in GUARDS).items() if count > 1] == []


def test_one_function_alone_loses_its_guard() -> None:
    """The same text elsewhere in the file stays."""
    assert GUARD.removed(SOURCE) == SOURCE.replace("check(a)", "pass", 1)


@pytest.mark.parametrize(
    ("scope", "has", "without"),
    [
        ("", "check(a)", "pass"),  # twice
        ("f", "check(b)", "pass"),  # not there
        ("h", "check(a)", "pass"),  # no such function
        ("f", "check(a)", "if"),  # no Python
        ("f", "check(a)", "check(a)  # still there"),  # the same
    ],
)
def test_an_entry_that_removes_nothing_is_outdated(scope: str, has: str, without: str) -> None:
    """It would be noticed by no test, or by each."""
    with pytest.raises(Outdated):
        Guard("f checks", "rule 1", "x.py", scope, has, without).removed(SOURCE)


def test_the_page_has_each_guard_with_a_quick_test() -> None:
    """The runner has seen the list as it is, and each test that the page names is there."""
    recorded, quick = page.recorded(), set(quick_files())
    assert list(page.rows()) == [one.name for one in GUARDS]
    files = {test.partition("::")[0] for test in recorded.values()}
    assert files <= quick
    functions = {test.partition("[")[0].partition("::")[::2] for test in recorded.values()}
    lost = [(file, name) for file, name in functions if f"def {name}" not in _text(file)]
    assert lost == []


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def test_the_tests_beside_a_guard_are_tried_before_all_others() -> None:
    """Those that mirror its file first, the whole of the quick tests in the end."""
    guard = next(one for one in GUARDS if one.file == "reconciler/gc/mark.py")
    order = in_order(guard, quick_files())
    assert order[0] == "tests/unit/reconciler/gc/test_mark.py"
    assert sorted(order) == sorted(quick_files())
    assert order[: len(near(guard))] == near(guard)


STEALS = """
from datetime import datetime
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, acquire
from tests.mutants.guard import guards
from tests.mutants.in_process import remove
now = datetime(2026, 11, 23)
mine, theirs = (DeployId("shop", now, suffix) for suffix in ("aaaaa", "bbbbb"))
held = acquire(Ledger(1), theirs, now)
remove(next(one for one in guards() if one.name == "a lease is acquired only where none is held"))
assert acquire(held, mine, now).lease.id == mine
"""


def test_a_guard_is_taken_from_a_process_that_has_imported_it() -> None:
    """Whoever has imported the function by its name runs it without the guard, too."""
    subprocess.run([sys.executable, "-c", STEALS], cwd=ROOT, check=True)


def test_a_guard_that_nothing_can_take_out_is_said() -> None:
    """Neither a function, nor a text or a tuple that others have imported by its name."""
    file = "reconciler/exit_codes.py"
    source = (ROOT / file).read_text(encoding="utf-8")
    line = next(line for line in source.splitlines() if line.startswith("class "))
    with pytest.raises(TypeError, match="no text and no tuple"):
        remove(Guard("x", "rule 1", file, "", line, f"{line}\n    EXTRA = 99"))


@pytest.mark.timeout(600)
def test_the_guards_of_the_day_are_noticed() -> None:
    """Without any of them a quick test goes red; another two tomorrow, of those ever tried."""
    day, noticed = int(os.environ[DAY]), page.recorded()
    tried = [guard.name for guard in GUARDS if guard.name in noticed]
    today = [tried[(day * A_DAY + number) % len(tried)] for number in range(A_DAY)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", *today],
        cwd=ROOT,
        env=os.environ | {"WORKERS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{A_DAY} guards, 0 can be removed unnoticed" in done.stdout
