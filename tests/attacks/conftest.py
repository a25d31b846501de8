"""Fixtures of the attacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.database.postgres.engine import PostgresServer
from tests.fakes.scene import Scene
from tests.fakes.service_access import ToldMachine
from tests.support.adoption import adopt
from tests.support.company import Company
from tests.support.postgres_cluster import Cluster, running
from tests.support.shop_world import ALL, DEAD
from tests.support.warm_company import WarmCompany


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Shop on fakes, clean: live v1.5.0 on i-17 and one previous release on i-9."""
    return Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])


@pytest.fixture
def live(scene: Scene) -> ToldMachine:
    """The machine that is cloned."""
    return scene.reach.machine("i-17")


@pytest.fixture
def company(sandbox: Sandbox) -> Company:
    """The company on its first day."""
    made = WarmCompany(sandbox)
    made.look_often(25)
    return made


@pytest.fixture
def adopted(company: Company) -> Company:
    """The company with its live v1 under a ledger."""
    adopt(company)
    return company


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A real server."""
    with running() as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Cluster) -> PostgresServer:
    """The edge."""
    return cluster.server()


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """A live database of an application as a company has it."""
    with cluster.company_database() as name:
        yield name
