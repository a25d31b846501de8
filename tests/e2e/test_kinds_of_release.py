"""Releases that are not the ordinary one: losses taken, no database, from nothing, a dozen."""

from __future__ import annotations

import re
import shutil

from reconciler.exit_codes import Exit
from tests.e2e.probes import (
    Journal,
    beats,
    instance_at,
    is_active,
    live_instance,
    on_machine,
    wait_for,
    writable,
)
from tests.e2e.zone import said
from tests.support.company import Company, Witness, ask

UNITS = ("shop", "shop-cron", "shop-worker")


def test_losses_are_taken_if_one_says_so(adopted: Company) -> None:
    """`files` and `writes` = "lose": said, nothing frozen, and one database takes writes after."""
    adopted.configure('^writes   = "freeze"', 'writes   = "lose"')
    adopted.configure("^files .*", 'files = "lose"')
    plan = adopted.ok("deployer", "plan", "shop").out
    assert "files = lose" in plan
    assert "what is written meanwhile is lost" in plan
    witness = Witness(adopted)
    with witness.watching():
        done = adopted.up("v1.5.0", "--json")
    assert witness.errors == []
    assert not [one for one in done.events if one["type"] == "freeze-began"]
    assert "will be lost" in done.out
    assert writable(adopted) == [adopted.get()["database"]]
    assert adopted.version() == "v1.5.0"


def test_a_service_without_a_database(adopted: Company) -> None:
    """No `[database]`: no database step, and the clone uses what its env file says."""
    before = adopted.databases()
    path = adopted.service_file()
    text = path.read_text()
    path.write_text(re.sub(r"\[database\].*?(?=\n\[\[smoke)", "", text, flags=re.DOTALL))
    done = adopted.up("v1.4.2", "--json")
    assert not [one for one in done.events if one["type"] == "freeze-began"]
    assert adopted.databases() == before
    assert adopted.get()["database"] == "shop"
    assert writable(adopted) == ["shop"]
    adopted.ok("deployer", "rollback", "shop")
    adopted.ok("reconciler", "plan", "--exit-code")


def test_a_first_release_from_a_base_image(company: Company) -> None:
    """A service that never lived: its machine, database, record and ledger are made from nothing.

    The neighbour on the same database server is not touched.
    """
    company.adopt()
    neighbour = (company.ledger(), company.get(), company.databases())
    _new_service(company)
    bare = company.deployer("up", "mail", "--ref", "v1.5.0")
    assert bare.code == Exit.USAGE, bare
    assert "instance.image" in bare.err
    _shape(company, "mail")
    done = company.run("deployer", "up", "mail", "--ref", "v1.5.0", env=_url(company))
    assert done.code == 0, done
    [address] = company.records()["mail.example.test", "A"]
    status, health = ask(address, "/healthz")
    assert (status, health["version"], health["orders"]) == (200, "v1.5.0", 0)
    assert str(health["database"]).startswith("mail_")
    assert ask(address, "/orders", b"{}")[0] == 201
    machine = instance_at(company, address)
    assert [is_active(company, machine, one) for one in UNITS] == [True, True, True]
    assert (company.ledger(), company.get()["database"]) == (neighbour[0], "shop")
    assert company.get()["version"] == neighbour[1]["version"]
    company.ok("deployer", "status", "mail", "--exit-code")
    company.ok("reconciler", "plan", "--exit-code")

    # And it can be released again, by cloning what the first release made.
    again = company.run("deployer", "up", "mail", "--ref", "v1.7.0", env=_url(company))
    assert again.code == 0, again
    [new] = company.records()["mail.example.test", "A"]
    assert new != address
    assert ask(new, "/healthz")[1]["orders"] == 1


def test_a_failed_first_release_leaves_nothing(company: Company) -> None:
    """Nothing but the ledger, whose generations must never come back."""
    _new_service(company)
    _shape(company, "mail")
    before, records = company.resources(), company.records()
    failed = company.run("deployer", "up", "mail", "--ref", "v1.6.0", env=_url(company))
    assert failed.code == Exit.FAILED, failed
    assert company.resources() == before
    left = {name: said for name, said in company.records().items() if name not in records}
    assert list(left) == [("mail._deploy.example.test", "TXT")]
    assert "lease" not in str(left)


def _new_service(company: Company) -> None:
    """`mail`: the same code as the shop, under its own name, not yet living anywhere."""
    shop = company.service_file()
    mail = company.service_file("mail")
    shutil.copy(shop, mail)
    company.configure(r"^record .*", 'record = "mail.example.test"', "mail")
    company.configure(r"^app_role.*", 'app_role = "shop"\nurl = "env:MAIL_URL"', "mail")


def _url(company: Company) -> dict[str, str]:
    """Where the application's URL comes from, its database replaced by each release's own."""
    env = on_machine(company, live_instance(company), "sudo -n cat /etc/shop/env")
    return {"MAIL_URL": env.strip().partition("=")[2]}


def _shape(company: Company, service: str) -> None:
    """What nothing can be copied from is said."""
    live = live_instance(company)
    groups = ", ".join(f'"{one["GroupId"]}"' for one in live["SecurityGroups"])
    company.append(
        "[instance]\n"
        'type = "t3.small"\n'
        f'subnets = ["{live["SubnetId"]}"]\n'
        f"groups = [{groups}]\n"
        f'key = "{live["KeyName"]}"\n'
        f'image = "{live["ImageId"]}"',
        service,
    )


def test_a_dozen_machines_side_by_side(adopted: Company) -> None:
    """One call makes all or none; a dozen that fail leave nothing; a dozen that work serve."""
    before = adopted.resources()
    adopted.append("[instance]\ncount = 12")
    failed = adopted.run("deployer", "up", "shop", "--ref", "v1.6.0", "--json")
    assert failed.code == Exit.FAILED, failed
    [cleaned] = [one for one in failed.events if one["type"] == "clean-up-done"]
    assert cleaned["removed"]["instance"] == 12
    assert cleaned["left"] == 0
    assert adopted.resources() == before
    assert adopted.version() == "v1.4.2"

    adopted.configure("^tries  = 25", "tries  = 300")  # a dozen start at once here
    journal, witness = Journal(adopted), Witness(adopted)
    with witness.watching(writing=False):
        adopted.up("v1.5.0")
    assert witness.errors == []
    assert journal.actions().count("RunInstances") == 1
    assert len(adopted.pointed_at()) == 12
    assert said(adopted).at == adopted.pointed_at()
    database = adopted.get()["database"]
    for address in adopted.pointed_at():
        status, health = ask(address, "/healthz")
        assert (status, health["version"], health["database"]) == (200, "v1.5.0", database)
    assert len(adopted.instances()) == 13
    wait_for(lambda: len(beats(adopted, database)) == 13, "every new machine's job works")
    adopted.ok("reconciler", "plan", "--exit-code")
