"""`adopt` and `up` on a whole company: machines over SSH, a real database, clients that count."""

from __future__ import annotations

import re
import shutil
import signal

import psycopg
import pytest

from deployer.sandbox.faults import FaultClient
from reconciler.exits import Exit
from tests.company import RECORD, Company, Json, Witness, ask
from tests.e2e.eyes import (
    LEDGER_NAME,
    Argv,
    Journal,
    ask_dns,
    beats,
    fill,
    instance_at,
    is_active,
    live_instance,
    on_machine,
    said,
    takes_writes,
    wait_for,
    writable,
)

KINDS = ("instance", "volume", "network-interface", "image", "snapshot")
UNITS = ("shop", "shop-cron", "shop-worker")
OWN_TAGS = {"deploy-id", "deploy-state", "deploy-ledger", "deploy-part", "deploy-by", "Name"}


# adopt


def test_adopting_twice_is_adopting_once(company: Company) -> None:
    """The ledger first, then tags and a hold on the machine alone; a second time adds nothing."""
    before = company.things()
    machine = live_instance(company)["InstanceId"]
    company.adopt()
    first, tags = company.ledger(), company.tags(machine)
    company.adopt()
    assert company.ledger() == first
    assert company.tags(machine) == tags
    assert tags["deploy-id"] == said(company).live
    assert (tags["deploy-state"], tags["deploy-hold"]) == ("live", "adopted")
    assert said(company).at == company.pointed_at()
    assert company.things() == before
    assert company.version() == "v1.4.2"
    for thing in before["volume"] | before["network-interface"] | before["image"]:
        assert not {one for one in company.tags(thing) if one.startswith("deploy-")}


def test_a_half_done_adoption_is_finished(company: Company, faults: FaultClient) -> None:
    """Its tags could not be written: the ledger stands, and `adopt` again writes them."""
    faults.set("CreateTags", "error", code="UnauthorizedOperation", status=403)
    denied = company.deployer("adopt", "shop", "--yes")
    assert denied.code == Exit.ACCESS, denied
    assert "CreateTags" in denied.err
    ledger = company.ledger()
    assert said(company).live
    company.adopt()
    assert company.ledger() == ledger
    assert company.tags(live_instance(company)["InstanceId"])["deploy-id"] == said(company).live


def test_a_machine_of_another_deploy_is_not_adopted(company: Company) -> None:
    """A deploy-id on it says that somebody else made it, or that its tags are a copy."""
    machine = live_instance(company)["InstanceId"]
    other = {"Key": "deploy-id", "Value": "shop/20250101T000000Z-aaaaa"}
    company.aws("ec2").create_tags(Resources=[machine], Tags=[other])
    refused = company.deployer("adopt", "shop", "--yes")
    assert refused.code == Exit.REFUSED, refused
    assert "shop/20250101T000000Z-aaaaa" in refused.err
    assert company.ledger() == ""
    assert company.tags(machine)["deploy-id"] == "shop/20250101T000000Z-aaaaa"


def test_the_host_key_is_compared(company: Company) -> None:
    """A wrong fingerprint adopts nothing; the right one needs no question about the key."""
    [machine] = company.sandbox.status()["instances"]
    wrong = company.deployer("adopt", "shop", "--yes", "--host-key", "SHA256:" + "A" * 43)
    assert wrong.code == Exit.REFUSED, wrong
    assert machine["host_key"] in wrong.err
    assert company.ledger() == ""
    company.ok("deployer", "adopt", "shop", "--yes", "--host-key", machine["host_key"])
    assert said(company).live


@pytest.mark.parametrize("words", [("up",), ("rollback",), ("thaw",)])
def test_before_adoption_every_command_names_adopt(
    company: Company, words: tuple[str, ...]
) -> None:
    """Nothing is changed, and the next command is told."""
    things, records = company.things(), company.records()
    refused = company.deployer(*words, "shop")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer adopt shop" in refused.err
    assert (company.things(), company.records()) == (things, records)


# up


def test_a_release_under_traffic(adopted: Company) -> None:
    """v1 to v2: no request fails, no acknowledged order is lost, one database takes writes."""
    before, old = adopted.things(), live_instance(adopted)
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
    assert witness.acknowledged <= adopted.rows(database)
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
    new = {kind: things - before[kind] for kind, things in company.things().items()}
    assert {kind: len(ids) for kind, ids in new.items()} == dict.fromkeys(before, 1)
    labels = {company.tags(one)["deploy-state"] for kind in KINDS for one in new[kind]}
    assert labels == {"live"}
    assert actions.count("RunInstances") == 1
    assert actions.count("CreateImage") == 1
    commit = len(actions) - actions[::-1].index("ChangeResourceRecordSets")
    assert "CreateTags" not in actions[:commit]
    assert "CreateTags" in actions[commit:]


def _the_ledger_stands_in_dns(company: Company, old: Json, new: Json) -> None:
    """Readable with `dig`, and the record with it."""
    [text] = ask_dns(company, LEDGER_NAME, "TXT")
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


def test_everything_is_born_with_its_tags(adopted: Company) -> None:
    """Before the commit nothing is labelled afterwards, and nothing lacks a label."""
    before = adopted.things()
    _endless_smoke(adopted)
    journal = Journal(adopted)
    with adopted.releasing("v1.5.0") as release:
        release.wait_for_step("smoke")
        now = adopted.things()
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
    assert "CreateTags" not in actions
    assert actions.count("RunInstances") == 1
    assert jobs == [True, False, False]  # the new code's app, and no job
    assert f"shop-worker v1.5.0 on {machine['InstanceId']}" not in own
    assert done.code == 143, done
    assert adopted.things() == before


def test_no_secret_can_be_seen(adopted: Company) -> None:
    """Not in the arguments of any process while the database is copied, not in what we print."""
    fill(adopted, 60_000)
    old = live_instance(adopted)
    env = on_machine(adopted, old, "sudo -n cat /etc/shop/env")
    secrets = {_password(env), _password(adopted.admin_url())}
    assert len(secrets) == 2
    argv = Argv()
    with argv.watching():
        outputs = [
            adopted.run("deployer", "up", "shop", "--ref", "v1.5.0", "--json", "-v"),
            adopted.run("deployer", "up", "shop", "--ref", "v1.6.0", "-v"),
            adopted.run("deployer", "rollback", "shop", "--discard-writes", "--json", "-v"),
        ]
    assert [one.code for one in outputs] == [0, 1, 0], "\n".join(map(str, outputs))
    assert argv.with_word("pg_dump"), "the copy was not seen"
    looks = ("status", "history", "plan")
    outputs += [adopted.deployer(one, "shop", *more) for one in looks for more in ((), ("--json",))]
    outputs += [adopted.reconciler("explain", "shop"), adopted.reconciler("report", "--json")]
    tags = adopted.aws("ec2").describe_tags()["Tags"]
    places = {
        "argv": "\n".join(argv.seen),
        "output": "\n".join(map(str, outputs)),
        "tags": str(tags),
        "records": str(adopted.records()),
        "consoles": "\n".join(
            adopted.sandbox.logs(one["InstanceId"]) for one in adopted.instances()
        ),
        "comments": _comments(adopted),
    }
    found = [place for place, text in places.items() for secret in secrets if secret in text]
    assert found == []


def test_writes_may_be_lost_if_one_says_so(adopted: Company) -> None:
    """`writes = "lose"`: nothing is refused meanwhile; afterwards one database takes writes."""
    adopted.configure('^writes   = "freeze"', 'writes   = "lose"')
    witness = Witness(adopted)
    with witness.watching():
        done = adopted.up("v1.5.0", "--json")
    assert witness.errors == []
    assert not [one for one in done.events if one["type"] == "freeze-began"]
    assert "will be lost" in done.out
    assert writable(adopted) == [adopted.get()["database"]]
    assert adopted.version() == "v1.5.0"


def test_files_may_be_lost_if_one_says_so(adopted: Company) -> None:
    """`files = "lose"` is taken, and said in the plan."""
    adopted.configure("^files .*", 'files = "lose"')
    assert "files = lose" in adopted.ok("deployer", "plan", "shop").out
    adopted.up("v1.5.0")
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
    before, records = company.things(), company.records()
    failed = company.run("deployer", "up", "mail", "--ref", "v1.6.0", env=_url(company))
    assert failed.code == Exit.FAILED, failed
    assert company.things() == before
    left = {name: said for name, said in company.records().items() if name not in records}
    assert list(left) == [("mail._deploy.example.test", "TXT")]
    assert "lease" not in str(left)


@pytest.mark.timeout(600)
def test_a_dozen_machines_side_by_side(adopted: Company) -> None:
    """One call makes all or none; a dozen that fail leave nothing; a dozen that work serve."""
    before = adopted.things()
    adopted.append("[instance]\ncount = 12")
    failed = adopted.run("deployer", "up", "shop", "--ref", "v1.6.0", "--json")
    assert failed.code == Exit.FAILED, failed
    [cleaned] = [one for one in failed.events if one["type"] == "clean-up-done"]
    assert cleaned["removed"]["instance"] == 12
    assert cleaned["left"] == 0
    assert adopted.things() == before
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


def test_the_migration_works_on_the_copy_alone(adopted: Company) -> None:
    """The old database keeps its schema, and what was there before is in the new one."""
    orders = adopted.rows("shop")
    adopted.up("v1.5.0")
    database = adopted.get()["database"]
    assert adopted.rows(database) == orders
    assert "0003_order_notes" not in _migrations(adopted, "shop")
    assert "0003_order_notes" in _migrations(adopted, database)
    assert not takes_writes(adopted, "shop")


def test_a_writer_that_does_not_end_is_waited_for_and_not_disturbed(adopted: Company) -> None:
    """Beyond `max_wait` the release gives up; the open transaction commits as if nothing was."""
    adopted.configure("^writes   = .*", 'writes   = "freeze"\nmax_wait = "1s"')
    before = adopted.things()
    with psycopg.connect(adopted.admin_url("shop")) as writer:
        writer.execute("INSERT INTO orders (item, quantity) VALUES ('slow', 1)")
        failed = adopted.run("deployer", "up", "shop", "--ref", "v1.5.0")
        assert failed.code == Exit.FAILED, failed
        writer.commit()
        assert writer.execute("SELECT 1 FROM orders WHERE item = 'slow'").fetchone()
    assert adopted.things() == before
    assert writable(adopted) == ["shop"]
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201


def _endless_smoke(company: Company) -> None:
    """A smoke test that is never content."""
    company.configure("^expect = 200", "expect = 418")
    company.configure("^tries  = 25", "tries  = 900")


def _password(text: str) -> str:
    found = re.search(r"://[^:/@]+:([^@]+)@", text)
    assert found, "no password in it"
    return found[1]


def _comments(company: Company) -> str:
    with psycopg.connect(company.admin_url()) as connection:
        return str(connection.execute("SELECT description FROM pg_shdescription").fetchall())


def _migrations(company: Company, database: str) -> set[str]:
    with psycopg.connect(company.admin_url(database)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM schema_migrations")}


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
