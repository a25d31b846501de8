"""The table of cases of a compare-and-swap on Route 53 (protocol.md, rule 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.errors import AccessDenied, CloudError, CloudUnclear, ConfigError, SwapLost
from reconciler.model import ledger as led
from reconciler.model.ledger import Kept, Ledger
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import Reading
from tests.fakes.route53 import (
    ADDRESS,
    NOW,
    FakeRoute53,
    an_id,
    answers,
    arrives_late,
    done_but_lost,
    lost,
    never_arrived,
)

OLD = Ledger(gen=7, live=led.Live(an_id("aaaaa"), ("10.0.0.1",)))
NEW = led.acquire(OLD, an_id("bbbbb", 5), NOW + timedelta(minutes=15))
OTHER = led.acquire(OLD, an_id("ccccc", 6), NOW + timedelta(minutes=16))
COMMITTED = led.commit(
    NEW, an_id("bbbbb", 5), led.Cutover(an_id("bbbbb", 5), ("10.0.0.2",), an_id("aaaaa"), NOW)
)


@pytest.fixture
def seen(fake: FakeRoute53, ledgers: Route53Ledgers) -> Reading:
    """The old ledger and its A record stand there, and were read."""
    fake.put(ADDRESS.name, "TXT", encode(OLD), ttl=120)
    fake.put(ADDRESS.record, "A", "10.0.0.1", ttl=300)
    return ledgers.read(ADDRESS)


def stands(fake: FakeRoute53) -> str:
    """The ledger's text as it stands."""
    return fake.value(ADDRESS.name, "TXT")[0]


def test_the_first_ledger_is_created(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Where nothing stands the batch only creates, with a TTL of 60 s."""
    reading = ledgers.swap(ledgers.read(ADDRESS), led.Ledger(gen=1))
    assert [change["Action"] for change in fake.batches[0]] == ["CREATE"]
    assert (reading.text, reading.ttl) == (stands(fake), 60)
    assert ledgers.read(ADDRESS) == reading


def test_the_second_first_ledger_loses(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Two open a service at once: the later one has lost, and the first one's ledger stands."""
    nothing = ledgers.read(ADDRESS)
    fake.put(ADDRESS.name, "TXT", encode(OLD))
    with pytest.raises(SwapLost):
        ledgers.swap(nothing, led.Ledger(gen=1))
    assert stands(fake) == encode(OLD)


def test_a_swap_returns_what_stands_there(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """The returned reading is good for the next swap, and the TTL is kept as it was read."""
    reading = ledgers.swap(seen, NEW)
    assert reading == ledgers.read(ADDRESS)
    assert reading.ttl == 120
    ledgers.swap(reading, COMMITTED, ("10.0.0.2",))
    assert stands(fake) == encode(COMMITTED)


def test_a_commit_is_one_batch(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """Ledger and A record change together, each by DELETE of the old and CREATE of the new."""
    ledgers.swap(seen, COMMITTED, ("10.0.0.3", "10.0.0.2"))
    (batch,) = fake.batches
    done = [(one["Action"], one["ResourceRecordSet"]["Type"]) for one in batch]
    assert done == [("DELETE", "TXT"), ("CREATE", "TXT"), ("DELETE", "A"), ("CREATE", "A")]
    assert fake.value(ADDRESS.record, "A") == ["10.0.0.2", "10.0.0.3"]
    assert fake.sets[ADDRESS.record, "A", ""]["TTL"] == 300


def test_a_new_a_record_is_created(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """A first release creates the A record in the batch that makes it live."""
    fake.put(ADDRESS.name, "TXT", encode(OLD))
    reading = ledgers.swap(ledgers.read(ADDRESS), COMMITTED, ("10.0.0.2",))
    assert fake.value(ADDRESS.record, "A") == ["10.0.0.2"]
    assert reading == ledgers.read(ADDRESS)


def test_an_a_record_that_appeared_meanwhile_wins(
    fake: FakeRoute53, ledgers: Route53Ledgers
) -> None:
    """Somebody created the record after it was read: lost, and nothing at all has changed."""
    fake.put(ADDRESS.name, "TXT", encode(OLD))
    seen = ledgers.read(ADDRESS)
    fake.put(ADDRESS.record, "A", "10.9.9.9")
    with pytest.raises(SwapLost, match=r"A record shop\.example\.com"):
        ledgers.swap(seen, COMMITTED, ("10.0.0.2",))
    assert stands(fake) == encode(OLD)


def test_a_moved_a_record_stops_even_a_commit_to_the_same_addresses(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """The A record is in the batch also where it stays, so that a moved one is noticed."""
    fake.put(ADDRESS.record, "A", "10.9.9.9", ttl=300)
    with pytest.raises(SwapLost):
        ledgers.swap(seen, COMMITTED, ("10.0.0.1",))
    assert (stands(fake), fake.value(ADDRESS.record, "A")) == (encode(OLD), ["10.9.9.9"])


def test_an_unmoved_a_record_may_stay(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """DELETE and CREATE of the same A record is a batch that AWS makes."""
    ledgers.swap(seen, COMMITTED, ("10.0.0.1",))
    assert (stands(fake), fake.value(ADDRESS.record, "A")) == (encode(COMMITTED), ["10.0.0.1"])


@pytest.mark.parametrize("ttl", [120, 60], ids=["other-value", "other-value-and-ttl"])
def test_somebody_was_first(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading, ttl: int
) -> None:
    """Another value stands there: lost, and it is left alone."""
    fake.put(ADDRESS.name, "TXT", encode(OTHER), ttl=ttl)
    with pytest.raises(SwapLost):
        ledgers.swap(seen, NEW)
    assert stands(fake) == encode(OTHER)


def test_another_ttl_is_another_record(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """A DELETE must match the TTL too: who changed it was first."""
    fake.put(ADDRESS.name, "TXT", encode(OLD), ttl=61)
    with pytest.raises(SwapLost):
        ledgers.swap(seen, NEW)


def test_the_reply_is_lost_after_it_was_done(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """What stands there says that it was done; nothing is sent a second time."""
    fake.faults = [done_but_lost]
    assert ledgers.swap(seen, COMMITTED, ("10.0.0.2",)) == ledgers.read(ADDRESS)
    assert len(fake.batches) == 1


@pytest.mark.parametrize(
    "fault",
    [
        never_arrived,
        answers("InternalFailure", 500),
        answers("ServiceUnavailable", 503),
        answers("Throttling"),
        answers("PriorRequestNotComplete"),
    ],
)
def test_it_was_not_done(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading, fault: object
) -> None:
    """The old value still stands after a lost, broken or refused request: it is sent again."""
    fake.faults = [fault, fault]  # type: ignore[list-item]
    patient = replace(ledgers, backoff=replace(ledgers.backoff, deadline=30.0))
    patient.swap(seen, NEW)
    assert stands(fake) == encode(NEW)
    assert len(fake.batches) == 3


def test_done_lost_and_overtaken(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """Mine was done, the reply lost, and somebody swapped on top: lost, the caller reads again."""
    fake.faults = [done_but_lost]
    overtaken = led.end(NEW, led.Ending(NEW.lease, NOW, operator=True))  # type: ignore[arg-type]
    fake.before_read = lambda _: fake.put(ADDRESS.name, "TXT", encode(overtaken), ttl=120)
    with pytest.raises(SwapLost):
        ledgers.swap(seen, NEW)
    assert stands(fake) == encode(overtaken)


def test_a_request_that_arrives_late(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """Read as not done, sent again, and in between the first one arrives after all: it is done."""
    fake.faults = [arrives_late, lambda fake, apply: (fake.late.pop()(), apply())[1]]
    assert ledgers.swap(seen, NEW).text == stands(fake) == encode(NEW)


def test_a_late_duplicate_changes_nothing(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """The generation never comes back, so a duplicate that arrives later matches nothing."""
    fake.faults = [arrives_late]
    acquired = ledgers.swap(seen, NEW)
    ledgers.swap(acquired, COMMITTED, ("10.0.0.2",))
    with pytest.raises(Exception, match="InvalidChangeBatch"):
        fake.late.pop()()
    assert stands(fake) == encode(COMMITTED)


def test_never_settled(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """No answer until the deadline, and the old value stands: unclear, never lost."""
    fake.faults = [never_arrived] * 1000
    with pytest.raises(CloudUnclear):
        ledgers.swap(seen, NEW)


def test_lost_and_unreadable(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """Neither the answer nor the record can be had: unclear, and the message says both."""

    def unreachable(_: int) -> None:
        raise lost()

    fake.faults, fake.before_read = [done_but_lost] + [never_arrived] * 1000, unreachable
    with pytest.raises(CloudUnclear, match="cannot be read"):
        ledgers.swap(seen, NEW)


def test_a_definite_error_after_a_lost_reply_is_unclear(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """The first request may still arrive, whatever AWS says about the second."""
    fake.faults = [arrives_late, answers("AccessDenied", 403)]
    with pytest.raises(CloudUnclear):
        ledgers.swap(seen, NEW)


def test_a_moved_a_record_after_a_lost_reply_is_unclear(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """While one of ours may be under way, an A record that was moved could be moved back."""
    fake.faults = [arrives_late]
    fake.before_read = lambda _: fake.put(ADDRESS.record, "A", "10.9.9.9", ttl=300)
    with pytest.raises(CloudUnclear):
        ledgers.swap(seen, COMMITTED, ("10.0.0.2",))


def test_denied_is_denied(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """A permission that is withheld is named, and tried once."""
    fake.faults = [answers("AccessDenied", 403)]
    with pytest.raises(AccessDenied, match="route53:ChangeResourceRecordSets"):
        ledgers.swap(seen, NEW)
    assert len(fake.batches) == 1


def test_throttled_for_ever_is_definite(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """Every attempt was refused before it did anything: an error, not an unclear one."""
    fake.faults = [answers("Throttling")] * 1000
    with pytest.raises(CloudError) as caught:
        ledgers.swap(seen, NEW)
    assert (type(caught.value), caught.value.code) == (CloudError, "Throttling")


def test_refused_for_another_reason(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """All it deletes stands there and AWS still refuses: its words are passed on, soon."""
    fake.faults = [answers("InvalidChangeBatch")] * 1000
    with pytest.raises(CloudError) as caught:
        ledgers.swap(seen, NEW)
    assert caught.value.code == "InvalidChangeBatch"
    assert len(fake.batches) == 3


def test_too_long_is_said_before_anything_is_sent(
    fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading
) -> None:
    """A value over Route 53's limit is our own error."""
    kept = tuple(Kept(an_id("ddddd", minutes), NOW) for minutes in range(100))
    with pytest.raises(ConfigError, match="4000"):
        ledgers.swap(seen, replace(NEW, kept=kept))
    assert fake.batches == []


def test_never_to_nowhere(fake: FakeRoute53, ledgers: Route53Ledgers, seen: Reading) -> None:
    """An empty set of addresses would make the name vanish: refused before anything is sent."""
    with pytest.raises(ValueError, match="without addresses"):
        ledgers.swap(seen, COMMITTED, ())
    assert fake.batches == []
