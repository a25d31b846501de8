"""What tests of every part may want: a private cloud, as on its company's first day."""

from __future__ import annotations

import gc
import itertools
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from reconciler.cost import price_cache
from reconciler.util import log
from tests.support import share
from tests.support.memory_disk import temporary_files_in_memory

_HERE = Path(__file__).parent
_UNWATCHED = ("crash", "e2e", "model", "reality")
"""Coverage sees nothing of the product here, which runs in other processes, or what others show as
well; being watched makes what these do themselves two to three times as slow."""


_ends = ExitStack()
_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--share N`: of the slow tests, the N-th part whose day it is."""
    parser.addoption("--share", type=int, default=1, metavar="N", help=pytest_addoption.__doc__)


def pytest_configure() -> None:
    """Before anybody asks for a temporary directory; workers inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it with `&`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    share.fix_day()
    _ends.enter_context(temporary_files_in_memory())


def pytest_unconfigure() -> None:
    """Nothing is left."""
    _ends.close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """All that is imported and collected stays: Python's collector would look at it for nothing."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: Python's collector need not look at them again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow tests of other days, and watch neither processes, models nor searches."""
    folders = {item: item.path.relative_to(_HERE).parts[0] for item in items}
    items[:], others = share.without_other_days(items, config.getoption("share"), folders)
    config.hook.pytest_deselected(items=others)
    for item in items:
        by_search = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if by_search or folders[item] in _UNWATCHED:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(autouse=True)
def _log_as_at_the_start() -> Iterator[None]:
    """A command run in this process sets up the log for itself, not for the tests after it."""
    yield
    log.tear_down()
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _prices_of_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever runs the tests may have fetched prices of their own.

    Most tests fetch none, so this is only a name: a directory for each test is dear, as pytest
    looks through all that there are for the next number.
    """
    mine = tmp_path_factory.getbasetemp() / f"prices-{next(_numbers)}" / "cache" / "prices.json"
    monkeypatch.setattr(price_cache, "path", lambda: mine)


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for each worker of the test run; ends with it, even if that is killed."""
    one = Sandbox.at(tmp_path_factory.mktemp("sandbox") / "box")
    one.up(Options(owner=os.getpid()))
    yield one
    one.down()


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The worker's sandbox, brought back to its first day."""
    running_sandbox.reset()
    return running_sandbox
