"""What dead releases leave: told with whose it is and what it costs, and cured as told."""

from __future__ import annotations

import getpass

from reconciler.exit_codes import Exit
from tests.e2e.probes import answer_of, die_in, has, is_active, resources_of, writable
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, ask

KINDS = ("instance", "volume", "network-interface", "image", "snapshot", "database")


def test_dirt_is_shown_and_cured(adopted: Company) -> None:
    """What, whose, since when, for how much; `--sweep-first` removes it and goes on."""
    before = adopted.resources()
    dead = die_in(adopted, "migrate")
    left = {kind: resources - before[kind] for kind, resources in adopted.resources().items()}
    assert {kind: len(ids) for kind, ids in left.items()} == dict.fromkeys(KINDS, 1)
    everything = adopted.resources()

    held = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert held.code == Exit.REFUSED, held
    has(held.err, "in `migrate`", getpass.getuser(), "v1.5.0", dead)
    has(held.err, "deployer up shop --wait 15m", "deployer abort shop")

    let_time_pass(adopted, "until")
    refused = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "died in `migrate`", "its lease ran out")
    has(refused.err, "v1.5.0", getpass.getuser(), "$", "/h", "t3.small running")
    has(refused.err, *(one for ids in left.values() for one in ids))
    has(refused.err, "reconciler sweep --service shop", "deployer up shop --sweep-first")
    _the_looks_agree(adopted, left)
    assert adopted.resources() == everything, "looking changes nothing"

    adopted.up("v1.7.0", "--sweep-first")
    now = adopted.resources()
    assert not set().union(*left.values()) & set().union(*now.values())
    assert {kind: len(now[kind]) for kind in now} == {kind: len(before[kind]) + 1 for kind in now}
    assert adopted.version() == "v1.7.0"
    adopted.ok("deployer", "status", "shop", "--exit-code")


def _the_looks_agree(company: Company, left: dict[str, set[str]]) -> None:
    """Every command that looks tells of the same dirt, and exits as it says it does."""
    [machine] = left["instance"]
    every = [one for ids in left.values() for one in ids]
    status = company.deployer("status", "shop", "--exit-code")
    assert status.code == Exit.DIRT, status  # it died while live was shut
    has(status.out, "shop REFUSES WRITES since", "deployer thaw shop")
    has(status.out, "left behind: 6 resources", "reconciler sweep --service shop", *every)
    plan = company.deployer("plan", "shop")
    assert plan.code == Exit.REFUSED, plan
    has(plan.out, "It would be refused", "deployer up shop --sweep-first", *every)
    assert len(answer_of(company, Exit.REFUSED, "deployer", "plan", "shop")["dirt"]) == 6
    sweep = company.reconciler("plan", "--exit-code")
    assert sweep.code == Exit.TO_DO, sweep
    has(sweep.out, "x lease", "deletions of 6 owned by shop", "saves", *every)
    [service] = answer_of(company, Exit.DONE, "reconciler", "plan")["services"]
    assert {one["id"] for one in service["delete"]} == set(every)
    why = company.ok("reconciler", "explain", machine).out
    has(why, f"{machine} is garbage", "nothing keeps it", "The next sweep removes it", "hold")
    report = company.ok("reconciler", "report").out
    has(report, "garbage", "wasted now ")
    assert "wasted now $0.00 a month" not in report


def test_what_cannot_be_deleted_is_named_and_passed_by(adopted: Company) -> None:
    """A protected machine blocks only itself: the sweep says so, and `--despite` goes on."""
    before = adopted.resources()
    die_in(adopted, "code")
    let_time_pass(adopted, "until")
    [machine] = adopted.resources()["instance"] - before["instance"]
    protect = {"InstanceId": machine, "DisableApiTermination": {"Value": True}}
    adopted.aws("ec2").modify_instance_attribute(**protect)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    has(swept.out + swept.err, machine, "disableApiTermination")
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    assert machine in refused.err
    left = {one for kind, ids in adopted.resources().items() for one in ids - before[kind]}
    assert len(left) == 3, "its volume and its interface stay with it"
    adopted.up("v1.5.0", "--despite", machine)
    assert adopted.version() == "v1.5.0"
    assert machine in adopted.resources()["instance"]

    protect["DisableApiTermination"] = {"Value": False}
    adopted.aws("ec2").modify_instance_attribute(**protect)
    adopted.ok("reconciler", "sweep")
    assert not left & set().union(*adopted.resources().values())
    adopted.ok("reconciler", "plan", "--exit-code")


def test_a_failure_kept_as_evidence(adopted: Company) -> None:
    """`--keep-failed`: shown, in nobody's way, never promotable; it goes after its time."""
    before = adopted.resources()
    failed = adopted.deployer("up", "shop", "--ref", "v1.6.0", "--keep-failed", "2h")
    assert failed.code == Exit.FAILED, failed
    [kept] = said(adopted).kept
    resources = resources_of(adopted, kept)
    assert resources
    assert adopted.version() == "v1.4.2"
    assert writable(adopted) == ["shop", *_database_of(adopted, before)]
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201
    [machine] = adopted.resources()["instance"] - before["instance"]
    [evidence] = [one for one in adopted.instances() if one["InstanceId"] == machine]
    assert [is_active(adopted, evidence, one) for one in ("shop", "shop-worker")] == [False, False]
    assert adopted.tags(machine)["deploy-state"] == "failed"
    status = adopted.ok("deployer", "status", "shop", "--exit-code").out
    has(status, "kept", "v1.6.0", kept)
    has(adopted.ok("reconciler", "report").out, "kept")

    adopted.ok("reconciler", "sweep")
    assert resources == resources_of(adopted, kept)
    adopted.up("v1.5.0")
    refused = adopted.deployer("rollback", "shop", "--to", kept, "--discard-writes")
    assert refused.code == Exit.REFUSED, refused
    assert said(adopted).kept == (kept,)

    let_time_pass(adopted, "until", minutes=180)
    adopted.ok("reconciler", "sweep")
    assert said(adopted).kept == ()
    assert not resources_of(adopted, kept) & set().union(*adopted.resources().values())
    counts = {kind: len(ids) for kind, ids in adopted.resources().items()}
    assert counts == {kind: len(ids) + 1 for kind, ids in before.items()}
    adopted.ok("deployer", "status", "shop", "--exit-code")


def _database_of(company: Company, before: dict[str, set[str]]) -> list[str]:
    return sorted(company.resources()["database"] - before["database"])


def test_a_held_thing_is_kept_and_shown(adopted: Company) -> None:
    """`deploy-hold`, written by a person in the console, keeps a thing and what it uses."""
    before = adopted.resources()
    die_in(adopted, "code")
    let_time_pass(adopted, "until")
    [machine] = adopted.resources()["instance"] - before["instance"]
    [volume] = adopted.resources()["volume"] - before["volume"]
    hold = {"Key": "deploy-hold", "Value": "ask Ann first"}
    adopted.aws("ec2").create_tags(Resources=[machine], Tags=[hold])
    adopted.ok("reconciler", "sweep")
    assert {machine, volume} <= adopted.resources()["instance"] | adopted.resources()["volume"]
    has(adopted.ok("reconciler", "explain", machine).out, "is kept", "ask Ann first")
    has(adopted.ok("reconciler", "explain", volume).out, "is kept", machine)
    shown = adopted.ok("reconciler", "report").out
    has(shown, "held")
    adopted.up("v1.5.0")  # it is nobody's dirt
    adopted.aws("ec2").delete_tags(Resources=[machine], Tags=[hold])
    adopted.ok("reconciler", "sweep")
    assert machine not in adopted.resources()["instance"]
    adopted.ok("reconciler", "plan", "--exit-code")


def test_a_machine_held_without_a_value_keeps_its_database_and_image(adopted: Company) -> None:
    """The console lets a tag be empty: it holds all the same, and what the machine needs stays."""
    before = adopted.resources()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    [machine] = adopted.resources()["instance"] - before["instance"]
    adopted.aws("ec2").create_tags(Resources=[machine], Tags=[{"Key": "deploy-hold", "Value": ""}])
    left = adopted.resources()
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == left
    [database] = _database_of(adopted, before)
    has(adopted.ok("reconciler", "explain", database).out, "is kept", f"{machine} of its release")
    adopted.ok("reconciler", "release", machine)
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before


def test_a_database_is_held(adopted: Company) -> None:
    """`reconciler hold` writes into its memory; all else of the dead release goes."""
    before = adopted.resources()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    [database] = _database_of(adopted, before)
    adopted.ok("reconciler", "hold", database, "its orders are evidence")
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == {**before, "database": before["database"] | {database}}
    has(adopted.ok("reconciler", "explain", database).out, "is kept", "its orders are evidence")
    adopted.ok("reconciler", "release", database)
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before


def test_a_young_sweep_removes_what_a_dead_release_left(adopted: Company) -> None:
    """It looks at what is labelled unfinished alone, and that is enough for ordinary dirt."""
    before = adopted.resources()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    elsewhere = adopted.reconciler("sweep", "--young", "--service", "blog")
    assert elsewhere.code == Exit.USAGE, elsewhere
    assert adopted.resources() != before
    adopted.ok("reconciler", "sweep", "--young", "--service", "shop")
    assert adopted.resources() == before
    adopted.ok("reconciler", "sweep")
    assert writable(adopted) == ["shop"]
    adopted.ok("deployer", "status", "shop", "--exit-code")


def test_too_much_at_once_is_refused(adopted: Company) -> None:
    """Beyond the cap nothing is touched until a person says how much may go, once."""
    before = adopted.resources()
    die_in(adopted, "code")
    let_time_pass(adopted, "until")
    reconciler = adopted.service_file().parent.parent / "reconciler.toml"
    reconciler.write_text(f"{reconciler.read_text()}\n[breaker]\nmax_count = 1\nshare = 0.0\n")
    everything, ledger = adopted.resources(), adopted.ledger()
    refused = adopted.reconciler("sweep")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "3 things", "cap 1", "reconciler plan --service shop", "--allow 3")
    assert (adopted.resources(), adopted.ledger()) == (everything, ledger)
    adopted.ok("reconciler", "sweep", "--allow", "3")
    assert adopted.resources() == before
