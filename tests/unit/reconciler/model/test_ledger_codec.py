"""The ledger's text: other tools read it; what is not exactly its form is unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Kept, Lease, Ledger, LedgerHome, Live, Previous, Via
from reconciler.model.ledger_codec import LedgerTextError, LedgerTooLong, decode, encode
from tests.support.ledgers import ledgers

NOW = datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC)
A, B, C, D = (DeployId("shop", NOW, suffix) for suffix in ("aaaaa", "bbbbb", "ccccc", "ddddd"))

WHOLE = Ledger(
    gen=41,
    live=Live(A, ("10.0.1.17", "10.0.1.18"), via=Via.PRIVATE),
    previous=(Previous(B, NOW, rejected=True, count=2, via=Via.PUBLIC),),
    kept=(Kept(C, NOW),),
    lease=Lease(D, NOW, "migrate"),
    home=LedgerHome("shop.example.com", "123456789012", "eu-west-1"),
    was=("Z0/shop._deploy.example.org",),
)
TEXT = (
    '"v=2 gen=41 record=shop.example.com account=123456789012 region=eu-west-1"'
    ' "was=Z0/shop._deploy.example.org"'
    ' "live=shop/20261123T031502Z-aaaaa via=private at=10.0.1.17,10.0.1.18"'
    ' "previous=shop/20261123T031502Z-bbbbb retired=20261123T031502Z rejected n=2 via=public"'
    ' "kept=shop/20261123T031502Z-ccccc until=20261123T031502Z"'
    ' "lease=shop/20261123T031502Z-ddddd until=20261123T031502Z step=migrate"'
)


def test_is_written_as_published() -> None:
    """One TXT value of a few quoted strings, readable with dig."""
    assert encode(WHOLE) == TEXT


@given(ledgers())
def test_reads_back_what_it_writes(one: Ledger) -> None:
    """Every ledger that fits survives its text, within Route 53's limits (aws.md §4)."""
    try:
        text = encode(one)
    except LedgerTooLong:
        return
    assert decode(text) == one
    assert len(text) < 4000
    assert all(len(part) <= 255 for part in text[1:-1].split('" "'))


OLDER = (
    '"v=1 gen=41" "live=shop/20261123T031502Z-aaaaa ids=i-0a1 at=10.0.1.17"'
    ' "previous=shop/20261123T031502Z-bbbbb retired=20261123T031502Z rejected at=10.0.1.8,10.0.1.9"'
)


def test_an_older_ledger_is_read_for_ever() -> None:
    """Its previous deploys have their addresses as text, and it stays the same text, as `v=1`."""
    older = decode(OLDER)
    assert older.previous == (Previous(B, NOW, ("10.0.1.8", "10.0.1.9"), rejected=True),)
    assert older.live == Live(A, ("10.0.1.17",), ("i-0a1",))
    assert encode(older) == OLDER


def test_an_older_program_meets_a_version_it_does_not_know() -> None:
    """One entry of the new form is enough: whoever would not write its words must not read it."""
    older = decode(OLDER)
    assert older.live is not None
    live = replace(older, live=replace(older.live, via=Via.ELASTIC))
    left = replace(older, previous=(Previous(B, NOW, count=1, via=Via.PRIVATE),))
    for newer in (live, left):
        assert encode(newer).startswith('"v=2 ')
        with pytest.raises(LedgerTextError):
            decode(encode(newer).replace("v=2", "v=1"))


def test_many_addresses_go_on_in_further_strings() -> None:
    """Forty machines do not fit into one string of 255 characters."""
    many = Live(A, tuple(f"10.10.110.{n}" for n in range(100, 140)))
    text = encode(Ledger(1, live=many))
    assert '" "at=' in text
    assert decode(text).live == many


def test_too_long_is_refused() -> None:
    """4,000 characters are the limit of a value: dropping an entry would un-root it."""
    previous = tuple(
        Previous(DeployId("shop", NOW, f"{n:05d}".replace("0", "a").replace("1", "b")), NOW, ())
        for n in range(22222, 22322)
    )
    with pytest.raises(LedgerTooLong):
        encode(Ledger(1, previous=previous))


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("v=2", "v=3"),
        ("v=2", "v=1"),
        ("n=2", "n=02"),
        ("n=2 ", ""),
        ("n=2", "n=0"),
        ("via=public", "via=door"),
        (" via=public", ""),
        ("n=2 via=public", "n=2 via=public at=10.0.1.9"),
        ("gen=41", "gen=041"),
        ("gen=41", "gen=0"),
        ("gen=41", ""),
        (" account=123456789012", ""),
        ("region=eu-west-1", "region=here"),
        ("record=shop.example.com", "record=Shop.example.com"),
        ("was=Z0/", "was="),
        ("live=", "Live="),
        ("at=10.0.1.17,10.0.1.18", "at=10.0.1.17,10.0.1.018"),
        ("at=10.0.1.17,10.0.1.18", "at=10.0.1.17, 10.0.1.18"),
        ("aaaaa", "bbbbb"),
        ("rejected", "rejected=yes"),
        ("rejected ", ""),
        ("step=migrate", "step=MIGRATE"),
        ("step=migrate", "step=migrate and=more"),
        ("until=20261123T031502Z", "until=20261123T031502"),
        ("shop/20261123T031502Z-ddddd", "blog/20261123T031502Z-ddddd"),
        ('" "kept', '"  "kept'),
    ],
)
def test_an_edited_ledger_is_unknown(change: str, to: str) -> None:
    """Each field broken by hand: refused, or a different ledger that means what it says."""
    edited = TEXT.replace(change, to, 1)
    if change == "rejected ":
        assert decode(edited) != WHOLE
        return
    with pytest.raises(LedgerTextError):
        decode(edited)


@given(st.text(max_size=400))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever stands in the record: a ledger, or LedgerTextError."""
    try:
        decode(text)
    except LedgerTextError:
        return


@given(ledgers(), st.integers(0, 600), st.characters(min_codepoint=32, max_codepoint=126))
def test_what_decodes_means_exactly_its_text(one: Ledger, at: int, char: str) -> None:
    """A changed character makes another ledger or none, never the same one."""
    try:
        text = encode(one)
    except LedgerTooLong:
        return
    at %= len(text)
    edited = text[:at] + char + text[at + 1 :]
    try:
        found = decode(edited)
    except LedgerTextError:
        return
    assert encode(found) == edited
    assert (found == one) == (edited == text)
