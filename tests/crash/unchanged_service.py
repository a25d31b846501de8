"""One adopted shop for many tests that change nothing, and how it is told that they did not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.crash.invariants import Before, Shop
from tests.support.adoption import adopt
from tests.support.company import Done

SHORT = 12
"""Lines of stderr that a refusal may have: what, what there is to read, what to do next."""


class Grounds:
    """The company of a module: adopted once, and again where a test has left something."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._shop: Shop | None = None
        self._before: Before | None = None

    def ready(self) -> Shop:
        """The shop as it was when it was adopted."""
        if self._shop is None or self._shop.resources() != self._was.resources or self._leased:
            self._adopt()
        assert self._shop is not None
        return self._shop

    @property
    def _was(self) -> Before:
        assert self._before is not None
        return self._before

    @property
    def _leased(self) -> bool:
        return self._shop is not None and "lease=" in self._shop.ledger()

    def _adopt(self) -> None:
        self._sandbox.reset()
        one = self._shop = Shop(self._sandbox)
        one.look_often(25)
        adopt(one)
        self._before = one.before()


def told(done: Done, code: int, *words: str) -> None:
    """It ended with `code`, said these words, and was no crash."""
    said = done.out + done.err
    assert done.code == code, done
    for word in words:
        assert word in said, (word, done)
    assert "Traceback" not in said, done
    assert "this is a bug" not in said, done


def refused(done: Done, code: Exit, *words: str) -> None:
    """The same, briefly: a cause and a cure, no more."""
    told(done, code, *words)
    assert len(done.err.splitlines()) <= SHORT, done


@contextmanager
def untouched(shop: Shop) -> Iterator[None]:
    """Nothing is asked of AWS meanwhile that could change anything."""
    since = last_request(shop)
    yield
    assert [one for one in shop.faults.requests(since) if one["mutating"]] == []


def last_request(shop: Shop) -> int:
    """The number of the last request that AWS got."""
    every: list[dict[str, Any]] = shop.faults.requests()
    return int(every[-1]["seq"]) if every else 0
