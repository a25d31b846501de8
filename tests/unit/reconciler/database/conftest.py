"""A real PostgreSQL for the tests of the edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.database.postgres.engine import PostgresServer
from tests.support.postgres_cluster import Cluster, running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server of this session's own, gone after it."""
    with running() as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Cluster) -> PostgresServer:
    """The edge under test."""
    return cluster.server()


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """A live database of an application as a company has it, not yet known to us."""
    with cluster.company_database() as name:
        yield name
