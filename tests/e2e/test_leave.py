"""`leave`: live serves on through a broad sweep and a reboot; `adopt` and `up` bring it back."""

from __future__ import annotations

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.leaving import broad_sweep, come_back, leave, left_of, marked, reboot
from tests.e2e.probes import live_instance, on_machine
from tests.e2e.test_gate import started
from tests.e2e.zone import read_ledger
from tests.support.company import LEDGER, TRUSTING, Company

GATE = "/etc/systemd/system-generators/deployer-gate"


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
    broad_sweep(adopted)
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
    assert on_machine(adopted, live_instance(adopted), f"ls {GATE}")
    answer = adopted.get()
    live, id_ = leave(adopted)
    assert not on_machine(adopted, live, f"ls {GATE} 2>/dev/null || :").strip()
    assert not any(id_ in text for text in comments(adopted).values())
    again = adopted.ok("deployer", "leave", "shop", "--yes")
    assert "has left" in again.out

    broad_sweep(adopted)
    assert live["InstanceId"] in {one["InstanceId"] for one in adopted.instances()}
    assert read_ledger(adopted.ledger().replace('"left=', '"live=')).kept == ()
    reboot(adopted, live)
    assert (adopted.version(), adopted.get()) == ("v1.5.0", answer)

    come_back(adopted, live, id_)
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
