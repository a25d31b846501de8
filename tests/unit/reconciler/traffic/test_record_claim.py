"""The text of a claim: exact, within a TXT record's limits, and never read loosely."""

from __future__ import annotations

import pytest

from reconciler.traffic.record_claim import RecordClaim, claim_name

CLAIM = RecordClaim("s3://company-ledgers/production/shop", 41, ("10.0.1.17", "10.0.1.18"))
TEXT = '"ledger=s3://company-ledgers/production/shop gen=41" "at=10.0.1.17,10.0.1.18"'


def test_it_is_read_as_it_was_written() -> None:
    """Readable with `dig`; the name lies below the record's."""
    assert CLAIM.text == TEXT
    assert RecordClaim.parse(TEXT) == CLAIM
    assert claim_name("shop.example.com") == "_deploy.shop.example.com"


def test_no_string_is_longer_than_dns_allows() -> None:
    """255 characters in each string of a TXT value."""
    many = RecordClaim("s3://b/shop", 7, tuple(f"203.0.113.{n}" for n in range(100, 140)))
    assert all(len(part) <= 257 for part in many.text.split('" "'))
    assert RecordClaim.parse(many.text) == many


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"v=spf1 -all"',
        TEXT.replace("gen=41", "gen=041"),
        TEXT.replace("gen=41", "gen="),
        TEXT.replace('" "', '"  "'),
        TEXT.partition(' "at=')[0],
        f"{TEXT} ",
    ],
)
def test_anything_else_is_no_claim(text: str) -> None:
    """A batch must delete exactly what stands there."""
    with pytest.raises(ValueError, match="no claim"):
        RecordClaim.parse(text)
