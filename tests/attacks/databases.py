"""What the attacks on databases share: a live one, its copy, an act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from deployer.provisioning.database_copy import CopyJob, fill_copy, prepare_copy
from deployer.provisioning.local_shell import LocalShell
from reconciler.database.postgres.connection import AdminUrl
from reconciler.database.state_comment import Memory
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from tests.support.postgres_cluster import Client, Cluster

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
NEXT = DeployId.parse("shop/20261124T031502Z-8mq4z")
LEDGER = "Z123/shop._deploy.example.com"
NAME = SHOP.database_name(LEDGER)
NEW_PARTITION = """
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (11)
"""
MEMORY = Memory(SHOP, LEDGER, datetime(2026, 11, 23, tzinfo=UTC))


def act(generation: int, deploy: DeployId = SHOP) -> FencedAct:
    """An act of that generation."""
    return FencedAct(generation, deploy, LEDGER)


@contextmanager
def copied(cluster: Cluster, source: str) -> Iterator[str]:
    """A release's copy of a database, which stays shut."""
    target = cluster.new_name()
    server = cluster.server()
    server.create(target, "app", replace(MEMORY, deploy=NEXT), like=source)
    try:
        admin = AdminUrl.parse(cluster.url())
        job = CopyJob(admin, source, target, "app", tools=str(cluster.bin), timeout=60)
        prepared = prepare_copy(job, LocalShell(), server, trial=True)
        server.shut(source, act(5), ["app"], 5)
        fill_copy(prepared, LocalShell(), server)
        yield target
    finally:
        cluster.drop(target)


def rows(session: Client, text: str) -> list[tuple[object, ...]]:
    """What a query answers."""
    return session.execute(text.encode()).fetchall()
