"""A pytest plugin: the contract as questions to another emulator, its answers as verdicts.

    pytest -p tests.contract.opinion_plugin --opinion-of ministack --opinion-to FILE …

Loaded by `make second-opinion` alone. A known deviation is an expected failure; its healing fails.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.contract.known import KNOWN_DEVIATIONS
from tests.contract.opinions import RED, SCOPE, SKIPPED, Deviation, Outcome, known, page, verdict

FILES = {file for files in SCOPE.values() for file in files}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Whose opinion, and where the page goes."""
    parser.addoption("--opinion-of", required=True, help="name in tests/contract/known.py")
    parser.addoption("--opinion-version", default="")
    parser.addoption("--opinion-to", required=True, type=Path, help="the page to write")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to listen."""
    name = config.getoption("--opinion-of")
    title = f"{name} {config.getoption('--opinion-version')}".strip()
    opinion = Opinion(title, config.getoption("--opinion-to"), KNOWN_DEVIATIONS[name])
    config.pluginmanager.register(opinion, "second-opinion")


class Opinion:
    """Listens to a run, judges each rule by what is known, and writes the page."""

    def __init__(self, title: str, to: Path, deviations: tuple[Deviation, ...]) -> None:
        self._title = title
        self._page = to
        self._deviations = deviations
        self._failed: dict[str, bool] = {}
        self._skipped: set[str] = set()
        self._outcomes: list[Outcome] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Ask only what it does at all."""
        asked = [one for one in items if one.path.name in FILES]
        config.hook.pytest_deselected(items=[one for one in items if one not in asked])
        items[:] = asked
        stale = [d.rule for d in self._deviations if not any(known(_rule(i), [d]) for i in asked)]
        if stale:
            raise pytest.UsageError(f"known deviations of rules that are none: {', '.join(stale)}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A failure that is known is expected; what is expected and does not come is a failure."""
        report = yield
        rule = _rule(item)
        if report.skipped:
            self._skipped.add(rule)
        self._failed[rule] = self._failed.get(rule, False) or report.failed
        deviation = known(rule, self._deviations)
        if deviation is None:
            return report
        if report.failed:
            report.outcome, report.wasxfail = "skipped", f"known: {deviation.does}"
        elif report.when == "teardown" and not self._failed[rule]:
            report.outcome = "failed"
            report.longrepr = f"{rule} agrees after all: take it off tests/contract/known.py"
        return report

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        outcomes = [
            Outcome(rule, SKIPPED)
            if rule in self._skipped
            else verdict(rule, not failed, self._deviations)
            for rule, failed in self._failed.items()
        ]
        self._page.write_text(page(self._title, outcomes, self._deviations), encoding="utf-8")
        self._outcomes = outcomes

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which rules, in words."""
        for one in sorted(self._outcomes, key=lambda each: each.rule):
            deviation = known(one.rule, self._deviations)
            if one.word in RED:
                terminalreporter.write_line(f"{one.word}: {one.rule}")
            elif deviation is not None:
                terminalreporter.write_line(
                    f"{one.word}: {one.rule}: AWS: {deviation.documented}; it: {deviation.does}"
                )


def _rule(item: pytest.Item) -> str:
    return f"{item.path.name}::{item.name}"
