"""Machines in private subnets: the whole life from outside, through each way to them.

Every command runs in a network of its own (`deployer sandbox outside`), in which the machines'
addresses and the database server do not exist: nothing can go another way unnoticed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import PRIVATE, Options
from reconciler.exit_codes import Exit
from tests.e2e.leaving import goes_and_comes_back
from tests.e2e.probes import die_in, takes_writes, wait_for, writable
from tests.e2e.test_shared_database import NEVER, owner
from tests.e2e.zone import said
from tests.support import proxy_commands
from tests.support.company import Company, Witness


@dataclass
class OutsideCompany(Company):
    """The company, driven by somebody who is not in its network."""

    tools: Path

    @property
    def environment(self) -> dict[str, str]:
        """With the tools of this test before the system's."""
        inside = super().environment
        return {**inside, "PATH": f"{self.tools}:{os.environ['PATH']}"}

    def command(self, tool: str, *words: str) -> list[str]:
        """The command line, begun outside."""
        outside = [*super().command("deployer"), "sandbox", "outside", "--dir"]
        return [*outside, str(self.sandbox.places.root), *super().command(tool), *words]

    def go(self, via: str, more: str = "") -> None:
        """Take another way than the configured bastion."""
        text = self.service_file().read_text().partition("via  =")[0]
        self.service_file().write_text(f'{text}via  = "{via}"\n{more}\n')


@pytest.fixture(scope="module")
def private_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose machines are behind a bastion."""
    one = Sandbox.at(tmp_path_factory.mktemp("private") / "box")
    one.up(Options(shape=PRIVATE, owner=os.getpid()))
    yield one
    one.down()


@pytest.fixture
def company(private_sandbox: Sandbox, tmp_path: Path) -> OutsideCompany:
    """On its first day."""
    private_sandbox.reset()
    proxy_commands.aws(tmp_path, private_sandbox.places.root)
    company = OutsideCompany(private_sandbox, tmp_path)
    company.look_often(25)
    return company


def bastion(_: OutsideCompany) -> None:
    """As the sandbox configures it."""


def session_manager(company: OutsideCompany) -> None:
    """The preset for Systems Manager; `aws` is a stand-in."""
    company.go("ssm")


def endpoint(company: OutsideCompany) -> None:
    """The preset for Instance Connect endpoints; `aws` is a stand-in."""
    company.go("instance-connect-endpoint")


def command(company: OutsideCompany) -> None:
    """Any command that connects its input and output to the machine."""
    program, root = Path(sys.executable).parent / "deployer", company.sandbox.places.root
    company.go("command", f'command = "{program} sandbox connect --dir {root} %i %p"')


@pytest.mark.parametrize("way", [bastion, session_manager, endpoint, command])
def test_the_whole_life_from_outside(
    company: OutsideCompany, way: Callable[[OutsideCompany], None]
) -> None:
    """Adopt, release, fail, kill, sweep, rollback: no request fails and no row is lost."""
    way(company)
    company.adopt()
    witness = Witness(company)
    with witness.watching():
        company.up("v1.5.0")
        taken = len(witness.acknowledged)
        wait_for(lambda: len(witness.acknowledged) > taken, "orders are taken again")
    assert witness.errors == []
    database = str(company.get()["database"])
    assert witness.acknowledged <= company.rows(database)
    assert writable(company) == [database]

    before = company.resources()
    failed = company.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    assert "from the machine" in failed.err
    assert company.resources() == before

    die_in(company, "migrate", "v1.7.0")
    assert not takes_writes(company, database)
    swept = company.reconciler("sweep", "--service", "shop")
    assert swept.code in (Exit.DONE, Exit.REFUSED), swept  # the dead one's lease may run on
    company.ok("deployer", "abort", "shop", "--yes") if said(company).lease else None
    assert company.resources() == before
    assert takes_writes(company, database)

    with witness.watching(writing=False):
        company.ok("deployer", "rollback", "shop", "--discard-writes")
    assert witness.errors == []
    assert company.version() == "v1.4.2"
    assert writable(company) == ["shop"]
    assert company.deployer("status", "shop").code == 0


def test_it_leaves_with_a_shared_database_and_comes_back(company: OutsideCompany) -> None:
    """Through the bastion alone: the release that made the database goes, the database stays."""
    company.adopt()
    company.up("v1.5.0")
    maker, database = said(company).live, str(company.get()["database"])
    company.configure(*NEVER)
    company.up("v1.7.0")
    assert owner(company) == maker
    goes_and_comes_back(company)
    assert (owner(company), company.get()["database"]) == (maker, database)
    company.up("v1.7.0")
    assert (owner(company), company.get()["database"]) == (maker, database)
    assert writable(company) == [database]


def test_without_the_way_nothing_is_reached(company: OutsideCompany) -> None:
    """The proof of the proof: outside, a direct connection finds nobody."""
    company.go("direct")
    refused = company.deployer("adopt", "shop", "--yes", "--trust-shown-key")
    assert refused.code != 0
    assert "refuses connections" in refused.err or "no answer from" in refused.err
    assert company.ledger() == ""


def test_a_wrong_bastion_is_named(company: OutsideCompany) -> None:
    """Another host key on the bastion: it is the hop that the error names, before any login."""
    company.configure(r'^host_key = "(ssh-ed25519 A{4}C3NzaC1lZDI1NTE5A{4}I).*"$', OTHER_KEY)
    refused = company.deployer("adopt", "shop", "--yes", "--trust-shown-key")
    assert refused.code != 0
    assert "bastion 127." in refused.err
    assert "its host key is" in refused.err


OTHER_KEY = 'host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI' + "B" * 43 + '"'


def test_a_machine_that_is_not_connected_yet(company: OutsideCompany) -> None:
    """The last words of the command are shown, and its exit code."""
    company.go("command", "command = \"sh -c 'echo TargetNotConnected: %i >&2; exit 254'\"")
    refused = company.deployer("adopt", "shop", "--yes", "--trust-shown-key")
    assert refused.code != 0
    assert "exit code 254" in refused.err
    assert "TargetNotConnected: i-" in refused.err
