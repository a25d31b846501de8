"""A release that is tried and undone: live does not notice, and a release need not wait for it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from reconciler.exit_codes import Exit
from tests.e2e.probes import place_order
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, Running, Witness


def comment(company: Company, database: str) -> str:
    """What stands as the comment of a database."""
    text = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with psycopg.connect(company.admin_url()) as session:
        return str(session.execute(text, [database]).fetchone())


@contextmanager
def rehearsing(company: Company) -> Iterator[Running]:
    """A rehearsal in the background; killed at the end if it still runs."""
    command = company.command("deployer", "rehearse", "shop", "--ref", "v1.5.0", "--json")
    with company.start(command, company.environment) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()


def test_everything_but_freeze_and_cutover(adopted: Company) -> None:
    """What took how long, for how long a release would refuse writes; nothing stays, none lost."""
    place_order(adopted)
    before = adopted.resources()
    live, record = said(adopted).live, adopted.pointed_at()
    witness = Witness(adopted)
    with witness.watching():
        done = adopted.ok("deployer", "rehearse", "shop", "--ref", "v1.5.0", "--json")
    assert witness.errors == []
    assert not [one for one in done.events if one["type"].startswith("freeze-")]
    answer = done.events[-1]["answer"]
    assert set(answer["steps"]) >= {"image", "launch", "database", "migrate", "start", "smoke"}
    assert 0 < answer["freeze_seconds"] < sum(answer["steps"].values())
    assert (answer["release"], answer["kept"]) == ("v1.5.0", False)
    assert answer["migrations"]
    assert (said(adopted).live, adopted.pointed_at()) == (live, record)
    assert adopted.databases() == ["shop"]
    assert '"state":"open"' in comment(adopted, "shop")
    assert adopted.resources() == before
    assert adopted.version() == "v1.4.2"
    adopted.ok("reconciler", "plan", "--exit-code")


def test_the_schema_alone_takes_no_machine(adopted: Company) -> None:
    """Only a database, for a moment, by the tools of live; a failure names its cause."""
    before = adopted.resources()
    done = adopted.ok("deployer", "rehearse", "shop", "--schema-only")
    assert "Rehearsed: shop" in done.out
    assert adopted.databases() == ["shop"]
    assert adopted.resources() == before
    with psycopg.connect(adopted.admin_url("shop"), autocommit=True) as dba:
        dba.execute("CREATE ROLE auditor; GRANT auditor TO CURRENT_USER")
        dba.execute("CREATE ROLE intern; GRANT SELECT ON orders TO auditor WITH GRANT OPTION")
        dba.execute("SET ROLE auditor; GRANT SELECT ON orders TO intern")
    failed = adopted.deployer("rehearse", "shop", "--schema-only")
    assert failed.code == Exit.FAILED, failed
    assert "permission denied to set session authorization" in failed.err
    assert "let the owner do so instead" in failed.err
    assert adopted.databases() == ["shop"]


def test_a_release_ends_a_rehearsal(adopted: Company) -> None:
    """Neither waits for the other: the rehearsal is undone, and says who has ended it."""
    with rehearsing(adopted) as running:
        running.wait_for_step("launch")
        done = adopted.up("v1.5.0")
        assert "ending the rehearsal" in done.err
        ended = running.finish()
    assert ended.code == Exit.FAILED, ended
    assert adopted.version() == "v1.5.0"
    adopted.ok("reconciler", "plan", "--exit-code")


def test_a_rehearsal_that_dies_is_swept(adopted: Company) -> None:
    """As a release: its lease runs out, and one sweep removes all of it; no write was refused."""
    before, witness = adopted.resources(), Witness(adopted)
    with witness.watching(), rehearsing(adopted) as running:
        running.wait_for_step("migrate")
        running.send(signal.SIGKILL)
        running.finish()
        assert adopted.resources() != before
        let_time_pass(adopted, "until")
        adopted.ok("reconciler", "sweep")
    assert (witness.errors, witness.refused) == ([], 0)
    assert adopted.resources() == before
    assert said(adopted).lease == ""
    adopted.ok("reconciler", "plan", "--exit-code")


def test_plan_and_the_board_take_the_figures_of_a_rehearsal(adopted: Company) -> None:
    """Where a journal keeps them: for how long, and how long of that without writes."""
    place = {"LocationConstraint": "eu-west-1"}
    adopted.aws("s3").create_bucket(Bucket="the-journal", CreateBucketConfiguration=place)
    adopted.configure("^record ", 'journal = "s3://the-journal/deploys"\nrecord ')
    assert "not known\n  to measure it   deployer rehearse shop" in plan(adopted)
    adopted.ok("deployer", "rehearse", "shop", "--ref", "v1.5.0")
    found = re.search(
        "about .*, .* of it without writes, as the rehearsal of v1.5.0", plan(adopted)
    )
    assert found is not None
    done = adopted.ok("deployer", "up", "shop", "--ref", "v1.5.0", "--json")
    (expected,) = (one for one in done.events if one["type"] == "expected")
    assert expected["release"] == "v1.5.0"
    assert expected["seconds"]["database"] > 0


def plan(company: Company) -> str:
    """What `plan` says."""
    return company.ok("deployer", "plan", "shop", "--ref", "v1.5.0").out


def test_what_is_kept_is_in_no_ones_way(adopted: Company) -> None:
    """It can be looked at until its time is over; a release goes on beside it."""
    adopted.ok("deployer", "rehearse", "shop", "--ref", "v1.5.0", "--keep", "2h")
    (kept,) = said(adopted).kept
    assert [
        one for one in adopted.resources()["instance"] if adopted.tags(one)["deploy-id"] == kept
    ]
    status = json.loads(adopted.ok("deployer", "status", "shop", "--json").out)
    assert kept in json.dumps(status)
    adopted.up("v1.5.0")
