"""Two names on one machine, and names that nobody cleans: every way out, walked (rule 13)."""

from __future__ import annotations

from reconciler.exit_codes import Exit
from tests.e2e.probes import Journal, has, live_instance, place_order, resources_of
from tests.e2e.zone import ask_dns, change_record, delete_record, let_time_pass, said
from tests.support.company import RECORD, Company

WWW = "www.example.test"
STALE = "old.example.test"


def test_two_names_on_one_machine_move_together(adopted: Company) -> None:
    """`up` refuses before anything is made; with `also` both names change in one batch.

    So does a rollback, and what people pointed elsewhere meanwhile stays there.
    """
    [first] = adopted.pointed_at()
    change_record(adopted, WWW, "A", [first], ttl=30)
    before = adopted.resources()
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, WWW, first, f'also = ["{WWW}"]', f"deployer up shop --despite {WWW}")
    plan = adopted.deployer("plan", "shop")
    assert plan.code == Exit.REFUSED, plan
    has(plan.out, WWW)
    assert adopted.resources() == before
    assert adopted.get(address=first)["version"] == "v1.4.2"

    adopted.configure(r"^record\b.*$", f'record = "{RECORD}"\nalso = ["{WWW}"]')
    journal = Journal(adopted)
    adopted.up("v1.5.0")
    [second] = adopted.pointed_at()
    assert second != first
    assert ask_dns(adopted, WWW, "A") == ask_dns(adopted, RECORD, "A") == (second,)
    assert journal.actions().count("RunInstances") == 1
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert ask_dns(adopted, WWW, "A") == ask_dns(adopted, RECORD, "A") == (first,)

    change_record(adopted, WWW, "A", ["203.0.113.7"], ttl=30)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out, WWW, "203.0.113.7", "take it out of `also`")
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, WWW, "203.0.113.7", f"Point {WWW} to {first}")
    assert ask_dns(adopted, WWW, "A") == ("203.0.113.7",)


def test_a_line_changed_to_a_second_name_harms_nobody(adopted: Company) -> None:
    """The attack: `record` becomes another name of the same machine, and nothing else changes."""
    [first] = adopted.pointed_at()
    change_record(adopted, WWW, "A", [first])
    adopted.configure(r"^record\b.*$", f'record = "{WWW}"')
    before = adopted.resources()
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, RECORD)
    assert (adopted.resources(), adopted.pointed_at()) == (before, (first,))
    assert place_order(adopted)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out, "unknown", RECORD, WWW, "deployer move shop")
    assert adopted.resources() == before


def test_retention_waits_for_a_name_that_still_leads_there(adopted: Company) -> None:
    """Told, exit 4, nothing of it gone; `--despite` or the name's deletion lets it go."""
    adopted.configure(r"^keep\b.*$", "keep = 1")
    adopted.up("v1.5.0")
    middle, at = said(adopted).live, live_instance(adopted)["PrivateIpAddress"]
    change_record(adopted, STALE, "A", [at])
    adopted.up("v1.7.0", "--despite", STALE)
    adopted.up("v1.7.0")
    let_time_pass(adopted)
    resources = resources_of(adopted, middle)
    for _ in range(2):
        swept = adopted.reconciler("sweep")
        assert swept.code == Exit.DIRT, swept
        has(swept.out, STALE, middle, f"reconciler sweep --service shop --despite {STALE}")
    assert resources_of(adopted, middle) == resources
    assert middle in said(adopted).previous
    assert adopted.get(address=at)["version"] == "v1.5.0"

    adopted.ok("reconciler", "sweep", "--service", "shop", "--despite", STALE)
    assert middle not in said(adopted).previous
    assert not resources & set().union(*adopted.resources().values())
    delete_record(adopted, STALE, "A")
    adopted.ok("reconciler", "sweep")


def test_an_address_that_a_stranger_had(adopted: Company) -> None:
    """Somebody's forgotten record holds the address that our machine got: named, and passed by."""
    [first] = adopted.pointed_at()
    change_record(adopted, STALE, "A", [first])
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    adopted.up("v1.5.0", "--despite", STALE)
    assert adopted.version() == "v1.5.0"
    assert ask_dns(adopted, STALE, "A") == (first,)
    [second] = adopted.pointed_at()
    change_record(adopted, WWW, "A", [second])
    told = adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    has(told.out + told.err, f"{WWW} leads to", "takes no writes any more")
    assert adopted.pointed_at() == (first,)
