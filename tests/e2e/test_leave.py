"""`leave`: live serves on through a broad sweep and a reboot; `adopt` and `up` bring it back."""

from __future__ import annotations

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import is_active, live_instance, on_machine
from tests.e2e.test_gate import UNITS, started, started_anew
from tests.e2e.zone import let_time_pass, read_ledger
from tests.sandbox.machines.lab import wait_for
from tests.support.company import LEDGER, TRUSTING, Company, Json, ask

GATE = "/etc/systemd/system-generators/deployer-gate"


def left_of(company: Company) -> str:
    """The id in the tombstone."""
    (found,) = [word for word in company.ledger().split('"') if word.startswith("left=")]
    return found.split(" ")[0].removeprefix("left=")


def marked(company: Company) -> set[str]:
    """Everything in the account that carries our tags."""
    every = (id_ for ids in company.resources().values() for id_ in ids)
    return {id_ for id_ in every if any(one.startswith("deploy-") for one in company.tags(id_))}


def reboot(company: Company, live: Json) -> None:
    """Reboot live, and wait until it serves again with every unit."""
    before = started(company, live)
    company.aws("ec2").reboot_instances(InstanceIds=[live["InstanceId"]])
    wait_for(lambda: started_anew(company, live, before))
    wait_for(lambda: ask(live["PrivateIpAddress"], "/healthz")[0] == 200)
    assert all(is_active(company, live, unit) for unit in UNITS)


def comments(company: Company) -> dict[str, str]:
    """The comment of each database of the server."""
    import psycopg

    query = (
        "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE NOT datistemplate"
    )
    with psycopg.connect(company.admin_url()) as session:
        return {name: text or "" for name, text in session.execute(query).fetchall()}


def test_an_adopted_service_leaves_and_comes_back(adopted: Company) -> None:
    """What `adopt` put there is gone; the machine never noticed, and can be adopted again."""
    live, resources = live_instance(adopted), adopted.resources()
    before = started(adopted, live)
    unasked = adopted.deployer("leave", "shop")
    assert unasked.code != Exit.DONE, unasked
    assert marked(adopted) == {live["InstanceId"]}
    done = adopted.ok("deployer", "leave", "shop", "--yes")
    assert "deployer adopt shop" in done.out
    assert marked(adopted) == set()
    assert started(adopted, live) == before
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert (refused.code, "shop has left" in refused.err) == (Exit.REFUSED, True), refused
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == resources
    reboot(adopted, live)
    assert adopted.version() == "v1.4.2"
    id_ = left_of(adopted)
    adopted.ok("deployer", "adopt", "shop", *TRUSTING)
    assert adopted.tags(live["InstanceId"])["deploy-id"] == id_
    adopted.up("v1.5.0")
    assert adopted.version() == "v1.5.0"


def test_a_released_service_leaves_and_comes_back(adopted: Company) -> None:
    """A clone with a gate, a database of its own and user data that shuts units at each boot."""
    adopted.up("v1.5.0")
    live = live_instance(adopted)
    live["HostKey"] = adopted.tags(live["InstanceId"])["deploy-host-key"]
    assert on_machine(adopted, live, f"ls {GATE}")
    orders = adopted.get()
    adopted.ok("deployer", "leave", "shop", "--yes", "--keep", "1h")
    id_ = left_of(adopted)
    assert live["InstanceId"] not in marked(adopted)
    assert not on_machine(adopted, live, f"ls {GATE} 2>/dev/null || :").strip()
    assert not any(id_ in text for text in comments(adopted).values())
    again = adopted.ok("deployer", "leave", "shop", "--yes")
    assert "has left" in again.out

    let_time_pass(adopted, "until", minutes=120)
    adopted.configure("^keep    = 2", "keep = 1")
    adopted.ok("reconciler", "sweep")
    assert live["InstanceId"] in {one["InstanceId"] for one in adopted.instances()}
    assert read_ledger(adopted.ledger().replace('"left=', '"live=')).kept == ()
    reboot(adopted, live)
    assert (adopted.version(), adopted.get()) == ("v1.5.0", orders)

    adopted.ok("deployer", "adopt", "shop", *TRUSTING)
    assert adopted.tags(live["InstanceId"])["deploy-id"] == id_
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.up("v1.7.0")
    assert adopted.version() == "v1.7.0"


@pytest.mark.parametrize("words", [("rollback",), ("thaw",), ("recover",), ("move",)])
def test_every_command_says_that_it_has_left(adopted: Company, words: tuple[str, ...]) -> None:
    """In words, with the command that brings it back; nothing is changed."""
    adopted.ok("deployer", "leave", "shop", "--yes")
    ledger = adopted.records()[LEDGER, "TXT"]
    refused = adopted.deployer(*words, "shop")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer adopt shop" in refused.err
    assert adopted.records()[LEDGER, "TXT"] == ledger
