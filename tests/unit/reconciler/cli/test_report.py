"""What `reconciler report` reads beside a plan: the servers of databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from reconciler.aws.client.session import Aws
from reconciler.cli.main import cli
from reconciler.cli.report import with_shares
from reconciler.cli.shared import ended
from reconciler.cost.audit import Report, report
from reconciler.cost.price_list import Prices
from reconciler.exit_codes import Exit
from reconciler.model.resource import DATABASE, BillingTerms
from reconciler.wiring.edges import Edges
from tests.support.aws_api import Api
from tests.support.shop_world import ALL, CLEAN, planned

HOST = ".eu-west-1.rds.amazonaws.com"


class OfOneAccount:
    """What the report needs of the edges."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def aws(self, *_: object) -> Aws:
        """The client of the one region."""
        return self._aws


def server(api: Api) -> str:
    """A server that somebody has made: where it listens."""
    made = api.rds.create_db_instance(
        DBInstanceIdentifier="prod",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="x",
        MasterUserPassword="correct-horse",
    )["DBInstance"]
    return f"{made['Endpoint']['Address']}:{made['Endpoint']['Port']}"


def audit(endpoint: str) -> Report:
    """Of a shop whose databases are on that server, each a third of all that is there."""
    terms = BillingTerms(server=endpoint, server_gb=3.0)
    world = [
        replace(one, size_gb=1.0, billing=terms) if one.kind == DATABASE else one for one in ALL
    ]
    return report(planned(CLEAN, world), Prices())


def shared(api: Api, endpoint: str) -> Report:
    """The audit with what its databases take of their servers."""
    return with_shares(audit(endpoint), cast("Edges", cast("Any", OfOneAccount(api.aws))))


def test_a_database_is_found_on_the_server_that_listens_there(api: Api) -> None:
    """The storage's price is known in Ireland, the class's is not: a lower bound, and said so."""
    found = shared(api, server(api))
    assert [one.server.name for one in found.shares] == ["prod"] * 3
    assert {one.percent for one in found.shares} == {"33.3 %"}
    assert all(one.cost.unknown and one.cost.monthly > 0 for one in found.shares)
    assert found.gaps == ()


def test_a_server_of_no_known_place_has_no_share(api: Api) -> None:
    """Elsewhere than on RDS nobody is asked; on RDS it may be another account's."""
    assert shared(api, "db.example.com:5432").shares == ()
    assert not any(one["service"] == "rds" for one in api.server.journal.since(0))
    assert shared(api, f"other.abc{HOST}:5432").shares == ()


def test_servers_that_may_not_be_read_are_a_gap(api: Api) -> None:
    """Unknown is not none."""
    api.fault("DescribeDBInstances", "error", times=0, code="AccessDenied", status=403)
    found = shared(api, f"prod.abc{HOST}:5432")
    assert found.shares == ()
    (gap,) = found.gaps
    assert gap.startswith("database servers of 123456789012/eu-west-1: ")


@pytest.mark.parametrize(
    ("words", "problem", "code"),
    [
        ((), "", Exit.DONE),
        (("--fail-over", "0.704"), "", Exit.DONE),
        (("--fail-over", "0.70"), "", Exit.TO_DO),
        (("--fail-over", "$0"), "", Exit.TO_DO),
        (("--fail-over", "0"), "the zone could not be read", Exit.DIRT),
    ],
)
def test_too_much_waste_a_day_is_an_exit_code(
    words: tuple[str, ...], problem: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage costs $0.704 a day here; what is not known comes before that, and is no success."""
    audited = report(planned(problem=problem), Prices())
    monkeypatch.setattr("reconciler.cli.report._audited", lambda *_: audited)
    assert ended(cli, ["report", "--format", "csv", *words]) == code
