"""Releases that share the live database, whatever leads clients to them and whatever the way.

`when-migrating` with something to migrate and with nothing, then `never`, then a rollback: behind a
load balancer and with an Elastic IP, in reach and behind a bastion. Clients poll and write all the
time: nobody is failed, no acknowledged order is lost, and only the copy refuses any.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import (
    BALANCER,
    ELASTIC,
    PRIVATE,
    PRIVATE_BALANCER,
    PRIVATE_ELASTIC,
    Options,
)
from reconciler.exit_codes import Exit
from tests.e2e import balanced, test_balanced_commands, test_elastic_ip
from tests.e2e.probes import wait_for, writable
from tests.e2e.test_private import OutsideCompany
from tests.e2e.test_shared_database import WHEN, owner
from tests.support.balanced_clients import Clients
from tests.support.company import Company, Done, Json, Witness

NEVER_ANY_MORE = (
    r'^copy = "when-migrating"\npending = .*\nwrites   = "freeze"',
    'copy = "never"',
)


@pytest.fixture(
    scope="module", params=[PRIVATE, BALANCER, ELASTIC, PRIVATE_BALANCER, PRIVATE_ELASTIC]
)
def shaped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Sandbox]]:
    """A sandbox of this shape."""
    shape = str(request.param)
    one = Sandbox.at(tmp_path_factory.mktemp("shared") / "box")
    one.up(Options(shape=shape, owner=os.getpid()))
    yield shape, one
    one.down()


@pytest.fixture
def company(shaped: tuple[str, Sandbox], tmp_path: Path) -> Company:
    """Adopted; whoever is behind a bastion is driven from outside."""
    shape, box = shaped
    box.reset()
    made: dict[str, Callable[[], Company]] = {
        PRIVATE: lambda: OutsideCompany(box, tmp_path),
        BALANCER: lambda: balanced.Shop(box),
        ELASTIC: lambda: test_elastic_ip.Shop(box),
        PRIVATE_BALANCER: lambda: test_balanced_commands.HiddenShop(box, tmp_path),
        PRIVATE_ELASTIC: lambda: test_elastic_ip.HiddenShop(box, tmp_path),
    }
    one = made[shape]()
    one.look_often(25)
    if isinstance(one, balanced.Shop):
        balanced.deregister_at_once(one)
    one.adopt()
    return one


def _watched(company: Company, act: Callable[[], Done]) -> int:
    """Clients poll and write meanwhile. How many orders were refused; nothing else may happen."""
    if isinstance(company, balanced.Shop | test_elastic_ip.Shop):
        return _clients_of(company, act)
    witness = Witness(company)
    with witness.watching():
        act()
        taken = len(witness.acknowledged)
        wait_for(lambda: len(witness.acknowledged) > taken, "orders are taken again")
    assert witness.errors == []
    assert witness.acknowledged <= company.rows(_database(company))
    return witness.refused


def _clients_of(company: balanced.Shop | test_elastic_ip.Shop, act: Callable[[], Done]) -> int:
    clients = Clients(company.clients.nodes)
    with clients.at_work():
        act()
        clients.have_gone_on()
    if isinstance(company, balanced.Shop):
        assert clients.outcomes() <= balanced.FAILED, clients.found
    else:
        test_elastic_ip.nobody_is_failed(clients, moves=1)
    assert clients.receipts
    assert clients.receipts <= company.rows(_database(company))
    return clients.found["order", 503]


def _answer(company: Company) -> Json:
    """What clients are told; a load balancer's address is no A record of ours."""
    if isinstance(company, balanced.Shop | test_elastic_ip.Shop):
        return company.get(address=company.clients.nodes[0])
    return company.get()


def _database(company: Company) -> str:
    """The database that serves."""
    return str(_answer(company)["database"])


def _live(company: Company) -> str:
    """Who is live, by the ledger."""
    return company.ledger().partition('"live=')[2].split()[0]


def test_a_life_with_a_shared_database(company: Company) -> None:
    """A copy, a release with nothing to migrate, one that never copies, one that fails, back."""
    company.configure(*WHEN)
    assert _watched(company, lambda: company.up("v1.5.0")) >= 0
    maker, database = _live(company), _database(company)
    assert (database != "shop", owner(company), writable(company)) == (True, "", [database])

    assert _watched(company, lambda: company.up("v1.5.0")) == 0
    assert (owner(company), _database(company)) == (maker, database)
    shares = _live(company)

    company.configure(*NEVER_ANY_MORE)
    assert _watched(company, lambda: company.up("v1.7.0")) == 0
    assert (owner(company), _database(company)) == (maker, database)
    newest, before = _live(company), company.resources()

    failed = company.deployer("up", "shop", "--ref", "broken-smoke")
    assert failed.code == Exit.FAILED, failed
    assert (_live(company), company.resources()) == (newest, before)

    assert _watched(company, lambda: company.ok("deployer", "rollback", "shop")) == 0
    assert (_live(company), owner(company)) == (shares, maker)
    assert (_answer(company)["version"], _database(company)) == ("v1.5.0", database)
    assert writable(company) == [database]
    if isinstance(company, balanced.Shop):
        company.sweep_until({balanced.only(company)})
    company.ok("reconciler", "sweep")
    company.ok("deployer", "status", "shop", "--exit-code")
