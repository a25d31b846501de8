"""`up` on a whole company: machines over SSH, a real database, clients that count."""

from __future__ import annotations

import re
import signal

import psycopg

from reconciler.exit_codes import Exit
from tests.e2e.probes import (
    Journal,
    beats,
    is_active,
    live_instance,
    on_machine,
    wait_for,
    writable,
)
from tests.e2e.zone import ask_dns, said
from tests.support.company import LEDGER, RECORD, Company, Json, Witness, ask

KINDS = ("instance", "volume", "network-interface", "image", "snapshot")


UNITS = ("shop", "shop-cron", "shop-worker")


OWN_TAGS = {"deploy-id", "deploy-state", "deploy-ledger", "deploy-part", "deploy-by", "Name"}


def test_a_release_under_traffic(adopted: Company) -> None:
    """v1 to v2: no request fails, no acknowledged order is lost, one database takes writes."""
    before, old, orders = adopted.resources(), live_instance(adopted), adopted.rows("shop")
    journal, witness = Journal(adopted), Witness(adopted)
    with witness.watching():
        adopted.up("v1.5.0")
        taken = len(witness.acknowledged)
        wait_for(lambda: len(witness.acknowledged) > taken, "orders are taken again")
    assert witness.errors == []
    assert witness.asked > 10
    assert witness.acknowledged
    new, database = live_instance(adopted), str(adopted.get()["database"])
    assert adopted.version() == "v1.5.0"
    assert orders | witness.acknowledged <= adopted.rows(database)
    assert _migrations(adopted, database) - _migrations(adopted, "shop") == {"0003_order_notes"}
    assert writable(adopted) == [database]
    assert ask(old["PrivateIpAddress"], "/healthz")[0] == 200
    assert ask(old["PrivateIpAddress"], "/orders", b"{}")[0] == 503

    _one_of_each_was_made(adopted, before, journal.actions())
    _the_ledger_stands_in_dns(adopted, old, new)
    _jobs_run_here_and_not_there(adopted, old, new)
    _the_env_file_is_private(adopted, new, database)
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.ok("reconciler", "plan", "--exit-code")


def _one_of_each_was_made(
    company: Company, before: dict[str, set[str]], actions: list[str]
) -> None:
    """By one call of each, labelled live, and labelled so only after the commit."""
    new = {kind: resources - before[kind] for kind, resources in company.resources().items()}
    assert {kind: len(ids) for kind, ids in new.items()} == dict.fromkeys(before, 1)
    labels = {company.tags(one)["deploy-state"] for kind in KINDS for one in new[kind]}
    assert labels == {"live"}
    assert actions.count("RunInstances") == 1
    assert actions.count("CreateImage") == 1
    commit = len(actions) - actions[::-1].index("ChangeResourceRecordSets")
    # Before it, the new machine's host key alone is tagged: with the old one, then without it.
    assert actions[:commit].count("CreateTags") == 2
    assert "CreateTags" in actions[commit:]


def _the_ledger_stands_in_dns(company: Company, old: Json, new: Json) -> None:
    """Readable with `dig`, and the record with it."""
    [text] = ask_dns(company, LEDGER, "TXT")
    assert re.findall(r'"[^"]*"', text) == re.findall(r'"[^"]*"', company.ledger())
    ledger = said(company)
    assert ask_dns(company, RECORD, "A") == ledger.at == company.pointed_at()
    assert ledger.live == company.tags(new["InstanceId"])["deploy-id"]
    assert ledger.previous == (company.tags(old["InstanceId"])["deploy-id"],)
    assert company.tags(old["InstanceId"])["deploy-state"] == "retired"
    assert ledger.lease == ""


def _jobs_run_here_and_not_there(company: Company, old: Json, new: Json) -> None:
    """And the clone never acted as what it was a clone of, not for a moment."""
    database = str(company.get()["database"])
    assert [is_active(company, new, one) for one in UNITS] == [True, True, True]
    assert [is_active(company, old, one) for one in UNITS] == [True, False, False]
    own = company.sandbox.logs(new["InstanceId"])
    assert f"shop-worker v1.5.0 on {new['InstanceId']}" in own
    assert f"v1.4.2 on {new['InstanceId']}" not in own
    assert f"v1.4.2 serves on {new['PrivateIpAddress']}" not in own
    assert set(beats(company, "shop")) == {old["InstanceId"]}
    counted = beats(company, database)[new["InstanceId"]]
    wait_for(lambda: beats(company, database)[new["InstanceId"]] > counted, "the new job works")


def _the_env_file_is_private(company: Company, new: Json, database: str) -> None:
    """Nobody but root can read the new database's URL."""
    mode = on_machine(company, new, "sudo -n stat -c '%a %u' /etc/shop/env")
    assert mode.strip() == "600 0"
    content = on_machine(company, new, "sudo -n cat /etc/shop/env")
    assert content.strip().endswith(f"/{database}")


def _migrations(company: Company, database: str) -> set[str]:
    with psycopg.connect(company.admin_url(database)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM schema_migrations")}


def test_everything_is_born_with_its_tags(adopted: Company) -> None:
    """Before the commit nothing is labelled afterwards, and nothing lacks a label."""
    before = adopted.resources()
    _endless_smoke(adopted)
    journal = Journal(adopted)
    with adopted.releasing("v1.5.0") as release:
        release.wait_for_step("smoke")
        now = adopted.resources()
        new = {kind: now[kind] - before[kind] for kind in now}
        deploy = said(adopted).lease
        tags = [adopted.tags(one) for kind in KINDS for one in new[kind]]
        parts = {one["deploy-part"].partition("@")[0] for one in tags}
        actions = journal.actions()
        [machine] = [one for one in adopted.instances() if one["InstanceId"] in new["instance"]]
        jobs = [is_active(adopted, machine, one) for one in UNITS]
        own = adopted.sandbox.logs(machine["InstanceId"])
        release.send(signal.SIGTERM)
        done = release.finish()
    assert {kind: len(ids) for kind, ids in new.items()} == dict.fromkeys(before, 1)
    assert all(set(one) >= OWN_TAGS for one in tags)
    assert {one["deploy-id"] for one in tags} == {deploy}
    assert {one["deploy-state"] for one in tags} == {"pending"}
    assert parts == set(KINDS)
    assert actions.count("CreateTags") == 2, "the host keys alone are written afterwards"
    assert actions.count("RunInstances") == 1
    assert jobs == [True, False, False]  # the new code's app, and no job
    assert f"shop-worker v1.5.0 on {machine['InstanceId']}" not in own
    assert done.code == 143, done
    assert adopted.resources() == before


def _endless_smoke(company: Company) -> None:
    """A smoke test that is never content."""
    company.configure("^expect = 200", "expect = 418")
    company.configure("^tries  = 25", "tries  = 900")


def test_a_writer_that_does_not_end_is_waited_for_and_not_disturbed(adopted: Company) -> None:
    """Beyond `max_wait` the release gives up; the open transaction commits as if nothing was."""
    adopted.configure("^writes   = .*", 'writes   = "freeze"\nmax_wait = "1s"')
    before = adopted.resources()
    with psycopg.connect(adopted.admin_url("shop")) as writer:
        writer.execute("INSERT INTO orders (item, quantity) VALUES ('slow', 1)")
        failed = adopted.run("deployer", "up", "shop", "--ref", "v1.5.0")
        assert failed.code == Exit.FAILED, failed
        writer.commit()
        assert writer.execute("SELECT 1 FROM orders WHERE item = 'slow'").fetchone()
    assert adopted.resources() == before
    assert writable(adopted) == ["shop"]
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201
