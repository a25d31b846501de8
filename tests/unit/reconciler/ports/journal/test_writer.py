"""The writer: nothing waits for it, nothing is lost, and it says once that it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from reconciler.model.deploy_id import DeployId
from reconciler.model.journal.codec import ENTRY
from reconciler.ports.journal.writer import JournalWriter
from tests.fakes.journal import FakeJournal, Slow, broken, denied, unreachable

ID = DeployId.parse("shop/20261123T031502Z-7kq2m")
KEY = f"{ID}.json"


@pytest.fixture
def store() -> FakeJournal:
    """An empty journal."""
    return FakeJournal()


@pytest.fixture
def warnings() -> list[str]:
    """What was warned of."""
    return []


@pytest.fixture
def writer(store: FakeJournal, warnings: list[str]) -> JournalWriter:
    """A writer that is impatient."""
    return JournalWriter(store, warnings.append, pause=0.01)


def test_an_object_is_made_and_replaced(store: FakeJournal, writer: JournalWriter) -> None:
    """First with the condition that there is none, then that it is the one we wrote."""
    for body in (b"1", b"2", b"3"):
        writer.put(ID, ENTRY, body)
        assert writer.wait(5)
    assert store.objects == {KEY: b"3"}


def test_only_the_newest_is_written(store: FakeJournal, writer: JournalWriter) -> None:
    """A slow store gets the last word, not every word."""
    slow = Slow()
    store.fault = slow
    for number in range(100):
        writer.put(ID, ENTRY, str(number).encode())
    slow.go_on.set()
    assert writer.wait(5)
    assert store.objects == {KEY: b"99"}
    assert len(store.writes) <= 2


def test_a_lost_reply_is_answered_by_reading(
    store: FakeJournal, writer: JournalWriter, warnings: list[str]
) -> None:
    """The next write meets a version that it does not know, and finds its own bytes there."""
    store.lose_replies = 1
    writer.put(ID, ENTRY, b"1")
    assert writer.wait(5)
    writer.put(ID, ENTRY, b"2")
    assert writer.wait(5)
    assert store.objects == {KEY: b"2"}
    assert len(warnings) == 1


def test_two_writers_lose_nothing(store: FakeJournal, warnings: list[str]) -> None:
    """Whoever comes second writes beside the first, again and again."""
    first, second = (JournalWriter(store, warnings.append, pause=0.01) for _ in range(2))
    for body in (b"a", b"b"):
        for writer, who in ((first, b"1"), (second, b"2")):
            writer.put(ID, ENTRY, who + body)
            assert writer.wait(5)
    assert store.objects == {KEY: b"1b", f"{ID}.{second.name}.json": b"2b"}
    assert warnings == []


@pytest.mark.parametrize("fault", [unreachable, denied, broken])
def test_a_failure_is_warned_of_once(
    store: FakeJournal, writer: JournalWriter, warnings: list[str], fault: object
) -> None:
    """However often it fails: once, in words that say that nothing depends on it."""
    store.fault = fault  # type: ignore[assignment]
    for body in (b"1", b"2", b"3"):
        writer.put(ID, ENTRY, body)
        assert not writer.wait(0.1)
    writer.give_up(0)
    assert len(warnings) == 1
    assert "nothing depends on it" in warnings[0]


@pytest.mark.parametrize("fault", [unreachable, broken])
def test_what_failed_for_now_is_tried_again(
    store: FakeJournal, writer: JournalWriter, fault: object
) -> None:
    """The last word arrives when the store answers again, without another word."""
    store.fault = fault  # type: ignore[assignment]
    writer.put(ID, ENTRY, b"1")
    assert not writer.wait(0.05)
    store.fault = lambda *_: None
    assert writer.wait(5)
    assert store.objects == {KEY: b"1"}


def test_what_is_denied_is_not_waited_for(store: FakeJournal, writer: JournalWriter) -> None:
    """A definite no ends the wait at once; a later word is tried again."""
    store.fault = denied
    writer.put(ID, ENTRY, b"1")
    began = time.monotonic()
    assert not writer.wait(30)
    assert time.monotonic() - began < 10
    store.fault = lambda *_: None
    writer.put(ID, ENTRY, b"2")
    assert writer.wait(5)


def test_a_slow_store_delays_nobody(
    store: FakeJournal, writer: JournalWriter, warnings: list[str], slow: Slow
) -> None:
    """`put` returns at once; giving up takes as long as it says, and warns."""
    store.fault = slow
    began = time.monotonic()
    for number in range(50):
        writer.put(ID, ENTRY, str(number).encode())
    assert time.monotonic() - began < 1
    writer.give_up(0.05)
    assert len(warnings) == 1
    assert "did not answer" in warnings[0]


@pytest.fixture
def slow() -> Iterator[Slow]:
    """A store that hangs until the test ends."""
    one = Slow()
    yield one
    one.go_on.set()


def test_a_corrupt_object_at_our_key_stays(store: FakeJournal, writer: JournalWriter) -> None:
    """What somebody put there is not ours to replace."""
    store.objects[KEY] = b"\xff not json"
    writer.put(ID, ENTRY, b"1")
    assert writer.wait(5)
    assert store.objects == {KEY: b"\xff not json", f"{ID}.{writer.name}.json": b"1"}


def test_many_threads_may_put(store: FakeJournal, writer: JournalWriter) -> None:
    """Steps run side by side: each object ends with a word that was put."""
    ids = [DeployId(ID.service, ID.born, f"aaaa{n}") for n in "23456"]

    def puts(one: DeployId) -> None:
        for _ in range(50):
            writer.put(one, ENTRY, b"x")

    threads = [threading.Thread(target=puts, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.wait(5)
    assert store.objects == {f"{one}.json": b"x" for one in ids}
