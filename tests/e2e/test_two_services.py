"""Two services on one database server, released at the same time by two deployers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from tests.support.company import TRUSTING, Company


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """A company with a second service, `blog`, beside the shop."""
    sandbox = Sandbox.at(tmp_path / "box")
    sandbox.up(Options(two_services=True, owner=os.getpid()))
    yield Company(sandbox)
    sandbox.down()


def _both(company: Company, *words: str) -> list[int]:
    """Run `deployer WORDS` for both services at once; the exit codes."""
    running = [
        subprocess.Popen(
            company.command("deployer", words[0], service, *words[1:]),
            env=company.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for service in ("shop", "blog")
    ]
    return [one.wait(timeout=110) for one in running]


def _may_write(company: Company, database: str, role: str) -> bool:
    with psycopg.connect(company.admin_url(database)) as connection:
        question = "SELECT has_table_privilege(%s, 'orders', 'INSERT')"
        row = connection.execute(question, (role,)).fetchone()
        return bool(row and row[0])


def test_two_services_share_a_server(company: Company) -> None:
    """Each is frozen, copied and switched by itself; neither sees the other's things as dirt."""
    assert _both(company, "adopt", *TRUSTING) == [0, 0]
    assert _both(company, "up", "--ref", "v1.5.0") == [0, 0]
    plan = company.reconciler("plan", "--exit-code")
    assert plan.code == 0, plan
    with psycopg.connect(company.admin_url()) as connection:
        query = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"
        names = [str(row[0]) for row in connection.execute(query)]
    for role in ("shop", "blog"):
        own = [one for one in names if one == role or one.startswith(f"{role}_2")]
        writable = [one for one in own if _may_write(company, one, role)]
        assert len(own) == 2
        assert writable == [one for one in own if one != role], "only the newer takes writes"
