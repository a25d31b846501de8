"""Where a ledger is, as its tag says it."""

from __future__ import annotations

import pytest

from reconciler.model.reading import LedgerAddress

SHOP = LedgerAddress("shop", "Z0123", "example.com", "shop.example.com")


@pytest.mark.parametrize("record", ["shop.example.com", "example.com", "a.b.example.com"])
def test_a_tag_is_read_back(record: str) -> None:
    """What `str` writes, for any record inside the zone."""
    address = LedgerAddress("shop", "Z0123", "example.com", record)
    assert LedgerAddress.parse(str(address), "shop", record) == address


@pytest.mark.parametrize(
    ("folder", "tag"),
    [
        ("s3://bucket", "s3://bucket/shop"),
        ("s3://bucket/ledgers", "s3://bucket/ledgers/shop"),
        ("s3://my.bucket/a/b", "s3://my.bucket/a/b/shop"),
    ],
)
def test_an_object_is_an_address_too(folder: str, tag: str) -> None:
    """Its name is what people look up; any record goes with it, since it is in no zone."""
    address = LedgerAddress.in_bucket(folder, "shop", "shop.example.com")
    assert (str(address), address.name, address.whereabouts) == (tag, tag, tag)
    assert LedgerAddress.parse(tag, "shop", "shop.example.com") == address
    assert f"s3://{address.bucket}/{address.key}" == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z0123",
        "/shop._deploy.example.com",
        "Z0123/blog._deploy.example.com",
        "Z0123/shop._deploy.ample.com",
        "Z0123/shop._deploy.example.net",
        "s3://bucket/blog",
        "s3://bucket/shop/ledger",
        "s3://shop",
        "s3:///shop",
    ],
)
def test_another_ledger_is_not_ours(text: str) -> None:
    """Of another service, of a zone that does not contain the record, or no ledger at all."""
    with pytest.raises(ValueError, match="is no ledger of shop"):
        LedgerAddress.parse(text, SHOP.service, SHOP.record)
