"""One store for both kinds of address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.s3.ledger_store import S3Ledgers
from reconciler.model.ledger import Ledger
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.wiring.edges import located
from reconciler.wiring.ledger_stores import LedgerStores
from tests.fakes.route53 import NOW
from tests.fakes.scene import service
from tests.support.aws_api import HASTE, Api
from tests.support.bucket import FOLDER, bucket_for

TRAFFIC = {"kind": "elastic-ip", "allocation": "eipalloc-0123456789abcdef0"}


@pytest.fixture
def stores(api: Api) -> LedgerStores:
    """Of the sandbox's account, with a zone and a bucket."""
    api.aws.route53_once.create_hosted_zone(Name="example.com", CallerReference="one")
    bucket_for(api)
    return LedgerStores(Route53Ledgers(api.aws, HASTE), S3Ledgers(api.aws, HASTE))


def _both(stores: LedgerStores) -> tuple[LedgerAddress, LedgerAddress]:
    here = stores.zones.locate("shop", "shop.example.com")
    return here, LedgerAddress.in_bucket(FOLDER, "shop", "shop.example.com")


def test_each_is_where_its_address_says(stores: LedgerStores) -> None:
    """Both at once, as a sweep reads them."""
    both = _both(stores)
    for gen, address in enumerate(both, 1):
        stored = stores.swap(stores.raw(address), Ledger(gen))
        assert replace(stores.read(address), now=NOW) == replace(stored, now=NOW)
    found = stores.readings(both).found
    gens = [one.ledger.gen for one in found.values() if isinstance(one, Reading)]
    assert gens == [1, 2]
    assert [dict(stores.neighbours(one)) for one in both] == [{}, {}]
    assert [dict(stores.elsewhere(one)) for one in both] == [{}, {}]


def test_a_bucket_is_located_without_asking_anybody(api: Api, stores: LedgerStores) -> None:
    """A service whose DNS is nowhere in Route 53 has no zone; what it watches is named."""
    api.server.journal.clear()
    told = {"ledger": FOLDER, "traffic": TRAFFIC, "record": "shop.example.org"}
    address = located(stores.zones, service(**told))
    assert str(address) == f"{FOLDER}/shop"
    assert api.server.journal.since() == []
    assert stores.names(address).held == {}
    watching = located(stores.zones, service(**told, witness_zones=["example.com"]))
    assert len(watching.watched) == 1
    assert stores.names(watching).calls == 1
