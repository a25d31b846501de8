"""A pytest plugin that runs the collected tests once for each guard, without it.

The tests are collected once. Each trial is a forked process: it removes its guard, runs the tests,
the likeliest first, until one is red, and ends. So no trial sees what another one did.
"""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.runner import pytest_sessionfinish

from tests.mutants.guard import ROOT, Guard
from tests.mutants.in_process import remove
from tests.mutants.quick import in_order

OPTIONS = (
    *("-q", "-p", "no:randomly", "-p", "no:cacheprovider"),
    "--hypothesis-seed=0",  # the same examples each time
    # Without its guard a loop may not end; on a busy machine a search takes a minute.
    *("--timeout=300", "-o", "timeout_method=signal"),
)


@dataclass(eq=False)  # pytest keeps plugins in sets
class Trials:
    """`recorded`: by a guard's name the test that noticed the last time. `tell` hears of each.

    `only`: the files to which a trial is limited.

    Afterwards `found` has the first red test of each guard, '' for none, and `doubtful` those of
    them that are red with every guard in place.
    """

    guards: Sequence[Guard]
    recorded: dict[str, str]
    workers: int
    tell: Callable[[Guard, str], None]
    only: Callable[[Guard], Sequence[str]] | None = None
    found: dict[str, str] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    _red: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a trial: collect what is red."""
        if report.failed:
            self._red.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running the tests once."""
        if session.testsfailed:
            raise session.Interrupted("not every test could be collected")
        self._run(session, list(self.guards))
        noticing = set(self.found.values())
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder) / "said"
            items = [item for item in session.items if item.nodeid in noticing]
            os.waitpid(_forked(lambda: self._trial(None, items, said)), 0)
            self.doubtful = frozenset(json.loads(said.read_text()))
        return True

    def _run(self, session: pytest.Session, left: list[Guard]) -> None:
        """All trials, `workers` of them at a time."""
        running: dict[int, tuple[Guard, Path]] = {}
        with tempfile.TemporaryDirectory() as folder:
            while left or running:
                if left and len(running) < self.workers:
                    guard = left.pop(0)
                    said = Path(folder) / str(len(left))
                    running[self._begin(session, guard, said)] = guard, said
                    continue
                guard, said = running.pop(os.wait()[0])
                # One that has died shows its traceback, and has noticed nothing.
                red = json.loads(said.read_text()) if said.exists() else []
                self.found[guard.name] = red[0] if red else ""
                self.tell(guard, self.found[guard.name])

    def _begin(self, session: pytest.Session, guard: Guard, said: Path) -> int:
        recorded = self.recorded.get(guard.name, "")
        items = list(_ordered(session.items, guard, recorded))
        if self.only is not None:
            files = self.only(guard)
            items = [one for one in items if one.nodeid == recorded or _file(one) in files]
        return _forked(lambda: self._trial(guard, items, said))

    def _trial(self, guard: Guard | None, items: Sequence[pytest.Item], said: Path) -> None:
        """In the child: the tests until one is red; without a guard to remove, all of them."""
        if guard is not None:
            remove(guard)
        if items:
            items[0].config.pluginmanager.unregister(name="terminalreporter")
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._red and guard is not None:
                break
        said.write_text(json.dumps(self._red))
        if items:
            pytest_sessionfinish(items[0].session)  # ends what the fixtures have started


def _forked(act: Callable[[], None]) -> int:
    """The pid of a child that acts and ends."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except Exception as error:
            traceback.print_exception(error)
            raise
        finally:
            os._exit(0)  # nothing of the parent's is to be closed twice
    return child


def _ordered(items: Sequence[pytest.Item], guard: Guard, recorded: str) -> Iterator[pytest.Item]:
    """What noticed the last time; then by file; the searches after all others: they take long."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(_file(item), []).append(item)
    yield from (item for item in items if item.nodeid == recorded)
    for searching in (False, True):
        for file in in_order(guard, files):
            yield from (
                item
                for item in files[file]
                if _is_search(item) is searching and item.nodeid != recorded
            )


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).as_posix()


def _is_search(item: pytest.Item) -> bool:
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False) is True
