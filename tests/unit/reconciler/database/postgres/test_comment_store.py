"""The state comment is read and written under one lock for all acts of a ledger."""

from __future__ import annotations

import psycopg
import pytest

from reconciler.database.postgres import comment_store
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.support.postgres_cluster import Cluster

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
ACT = FencedAct(5, SHOP, LEDGER)


def test_an_act_waits_for_the_one_before_it(cluster: Cluster, database: str) -> None:
    """Else both would read the same fence, and the older act could be the last one to write."""
    with (
        cluster.connect(database, "admin") as first,
        cluster.connect(database, "admin") as second,
    ):
        second.execute("SET lock_timeout = '100ms'")
        with first.transaction():
            comment_store.admitted(first, ACT)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                comment_store.admitted(second, ACT)
        assert comment_store.admitted(second, ACT).generation == ACT.generation


def test_acts_of_another_ledger_do_not_wait(cluster: Cluster, database: str) -> None:
    """One server holds the databases of many services."""
    with (
        cluster.connect(database, "admin") as first,
        cluster.connect(database, "admin") as second,
        first.transaction(),
        second.transaction(),
    ):
        comment_store.lock(first, LEDGER)
        second.execute("SET LOCAL lock_timeout = '100ms'")
        comment_store.lock(second, "Z123/blog._deploy.example.com")
