"""What stands in the way is said with whose it is, what it costs, and the command that cures it."""

from __future__ import annotations

import csv
import getpass
import io
import json
import re
import signal
from typing import Any

import pytest

from deployer.sandbox.faults import FaultClient
from reconciler.exits import Exit
from tests.company import RECORD, Company, ask
from tests.e2e.eyes import (
    LEDGER_NAME,
    ask_dns,
    change_record,
    delete_record,
    die_in,
    is_active,
    let_time_pass,
    live_instance,
    resources_of,
    said,
    wait_for,
    writable,
)

KINDS = ("instance", "volume", "network-interface", "image", "snapshot", "database")


# Dirt


def test_dirt_is_shown_and_cured(adopted: Company) -> None:
    """What, whose, since when, for how much; `--sweep-first` removes it and goes on."""
    before = adopted.things()
    dead = die_in(adopted, "migrate")
    left = {kind: things - before[kind] for kind, things in adopted.things().items()}
    assert {kind: len(ids) for kind, ids in left.items()} == dict.fromkeys(KINDS, 1)
    everything = adopted.things()

    held = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert held.code == Exit.REFUSED, held
    _has(held.err, "in `migrate`", getpass.getuser(), "v1.5.0", dead)
    _has(held.err, "deployer up shop --wait 15m", "deployer abort shop")

    let_time_pass(adopted, "until")
    refused = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    _has(refused.err, "died in `migrate`", "its lease ran out")
    _has(refused.err, "v1.5.0", getpass.getuser(), "$", "/h", "t3.small running")
    _has(refused.err, *(one for ids in left.values() for one in ids))
    _has(refused.err, "reconciler sweep --service shop", "deployer up shop --sweep-first")
    _the_looks_agree(adopted, left)
    assert adopted.things() == everything, "looking changes nothing"

    adopted.up("v1.7.0", "--sweep-first")
    now = adopted.things()
    assert not set().union(*left.values()) & set().union(*now.values())
    assert {kind: len(now[kind]) for kind in now} == {kind: len(before[kind]) + 1 for kind in now}
    assert adopted.version() == "v1.7.0"
    adopted.ok("deployer", "status", "shop", "--exit-code")


def _the_looks_agree(company: Company, left: dict[str, set[str]]) -> None:
    """Every command that looks tells of the same dirt, and exits as it says it does."""
    [machine] = left["instance"]
    every = [one for ids in left.values() for one in ids]
    status = company.deployer("status", "shop", "--exit-code")
    assert status.code == Exit.TO_DO, status
    _has(status.out, "left behind: 6 things", "reconciler sweep --service shop", *every)
    plan = company.deployer("plan", "shop")
    assert plan.code == Exit.REFUSED, plan
    _has(plan.out, "It would be refused", "deployer up shop --sweep-first", *every)
    assert len(_json(company, Exit.REFUSED, "deployer", "plan", "shop")["dirt"]) == 6
    sweep = company.reconciler("plan", "--exit-code")
    assert sweep.code == Exit.TO_DO, sweep
    _has(sweep.out, "x lease", "deletions of 6 owned by shop", "saves", *every)
    [service] = _json(company, Exit.DONE, "reconciler", "plan")["services"]
    assert {one["id"] for one in service["delete"]} == set(every)
    why = company.ok("reconciler", "explain", machine).out
    _has(why, f"{machine} is garbage", "birth       proved", "The next sweep removes it", "hold")
    report = company.ok("reconciler", "report").out
    _has(report, "garbage", "wasted now $0.0")
    assert "wasted now $0.0000/h" not in report


def test_what_cannot_be_deleted_is_named_and_passed_by(adopted: Company) -> None:
    """A protected machine blocks only itself: the sweep says so, and `--despite` goes on."""
    before = adopted.things()
    die_in(adopted, "code")
    let_time_pass(adopted, "until")
    [machine] = adopted.things()["instance"] - before["instance"]
    protect = {"InstanceId": machine, "DisableApiTermination": {"Value": True}}
    adopted.aws("ec2").modify_instance_attribute(**protect)
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    _has(swept.out + swept.err, machine, "disableApiTermination")
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    assert machine in refused.err
    left = {one for kind, ids in adopted.things().items() for one in ids - before[kind]}
    assert len(left) == 3, "its volume and its interface stay with it"
    adopted.up("v1.5.0", "--despite", machine)
    assert adopted.version() == "v1.5.0"
    assert machine in adopted.things()["instance"]

    protect["DisableApiTermination"] = {"Value": False}
    adopted.aws("ec2").modify_instance_attribute(**protect)
    adopted.ok("reconciler", "sweep")
    assert not left & set().union(*adopted.things().values())
    adopted.ok("reconciler", "plan", "--exit-code")


def test_a_failure_kept_as_evidence(adopted: Company) -> None:
    """`--keep-failed`: shown, in nobody's way, never promotable; it goes after its time."""
    before = adopted.things()
    failed = adopted.deployer("up", "shop", "--ref", "v1.6.0", "--keep-failed", "2h")
    assert failed.code == Exit.FAILED, failed
    [kept] = said(adopted).kept
    things = resources_of(adopted, kept)
    assert things
    assert adopted.version() == "v1.4.2"
    assert writable(adopted) == ["shop", *_database_of(adopted, before)]
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201
    [machine] = adopted.things()["instance"] - before["instance"]
    [evidence] = [one for one in adopted.instances() if one["InstanceId"] == machine]
    assert [is_active(adopted, evidence, one) for one in ("shop", "shop-worker")] == [False, False]
    assert adopted.tags(machine)["deploy-state"] == "failed"
    status = adopted.ok("deployer", "status", "shop", "--exit-code").out
    _has(status, "kept", "v1.6.0", kept)
    _has(adopted.ok("reconciler", "report").out, "kept")

    adopted.ok("reconciler", "sweep")
    assert things == resources_of(adopted, kept)
    adopted.up("v1.5.0")
    refused = adopted.deployer("rollback", "shop", "--to", kept, "--discard-writes")
    assert refused.code == Exit.REFUSED, refused
    assert said(adopted).kept == (kept,)

    let_time_pass(adopted, "until", minutes=180)
    adopted.ok("reconciler", "sweep")
    assert said(adopted).kept == ()
    assert not resources_of(adopted, kept) & set().union(*adopted.things().values())
    counts = {kind: len(ids) for kind, ids in adopted.things().items()}
    assert counts == {kind: len(ids) + 1 for kind, ids in before.items()}
    adopted.ok("deployer", "status", "shop", "--exit-code")


def test_a_held_thing_is_kept_and_shown(adopted: Company) -> None:
    """`deploy-hold`, written by a person in the console, keeps a thing and what it uses."""
    before = adopted.things()
    die_in(adopted, "code")
    let_time_pass(adopted, "until")
    [machine] = adopted.things()["instance"] - before["instance"]
    [volume] = adopted.things()["volume"] - before["volume"]
    hold = {"Key": "deploy-hold", "Value": "ask Ann first"}
    adopted.aws("ec2").create_tags(Resources=[machine], Tags=[hold])
    adopted.ok("reconciler", "sweep")
    assert {machine, volume} <= adopted.things()["instance"] | adopted.things()["volume"]
    _has(adopted.ok("reconciler", "explain", machine).out, "is kept", "ask Ann first")
    _has(adopted.ok("reconciler", "explain", volume).out, "is kept", machine)
    shown = adopted.ok("reconciler", "report").out
    _has(shown, "held")
    adopted.up("v1.5.0")  # it is nobody's dirt
    adopted.aws("ec2").delete_tags(Resources=[machine], Tags=[hold])
    adopted.ok("reconciler", "sweep")
    assert machine not in adopted.things()["instance"]
    adopted.ok("reconciler", "plan", "--exit-code")


def test_every_look_answers_in_words_and_in_json(adopted: Company) -> None:
    """On a clean service with one release before: each says what is so, and exits 0."""
    adopted.up("v1.5.0")
    live, (previous,) = said(adopted).live, said(adopted).previous
    machine = live_instance(adopted)["InstanceId"]
    text = adopted.ok("deployer", "status", "shop", "--exit-code").out
    _has(
        text, RECORD, *adopted.pointed_at(), "live", "v1.5.0", live, "previous", "v1.4.2", previous
    )
    [status] = _json(adopted, 0, "deployer", "status")["services"]
    assert (status["clean"], status["dirt"], status["lease"]) == (True, [], None)
    assert [(one["state"], one["release"]) for one in status["deploys"]] == [
        ("live", "v1.5.0"),
        ("previous", "v1.4.2"),
    ]
    _has(adopted.ok("deployer", "history", "shop").out, live, previous, getpass.getuser())
    assert len(_json(adopted, 0, "deployer", "history", "shop")["deploys"]) == 2
    plan = adopted.deployer("plan", "shop", "--exit-code")
    assert plan.code == Exit.TO_DO, plan
    _has(plan.out, "inferred", f"as {machine}", "t3.small", "no reboot", "deployer up shop")
    values = {one["name"]: one for one in _json(adopted, 0, "deployer", "plan", "shop")["values"]}
    assert (values["type"]["value"], values["type"]["origin"]) == ("t3.small", f"as {machine}")
    _has(adopted.ok("reconciler", "plan", "--exit-code").out, "nothing to do", "clean")
    [thing] = _json(adopted, 0, "reconciler", "explain", machine)["things"]
    assert (thing["verdict"], thing["reason"], thing["answers"]["label"]) == (
        "keep",
        "live",
        "live",
    )
    table = adopted.ok("reconciler", "report").out
    _has(table, "live", "previous", "wasted now $0.0000/h")
    rows = list(
        csv.DictReader(io.StringIO(adopted.ok("reconciler", "report", "--format", "csv").out))
    )
    assert {one["state"] for one in rows} >= {"live", "previous"}
    assert json.dumps(_json(adopted, 0, "reconciler", "report")).count("v1.5.0") >= 1
    swept = adopted.ok("reconciler", "sweep", "--json")
    assert (swept.events[0]["type"], swept.events[-1]["type"]) == ("version", "result")
    assert adopted.reconciler("explain", "i-0123456789abcdef0").code == Exit.USAGE


def test_waiting_for_somebody_else(adopted: Company) -> None:
    """`--wait`: as soon as the other one's release has ended, ours begins."""
    adopted.configure("^expect = 200", "expect = 418")
    adopted.configure("^tries  = 25", "tries  = 900")
    with adopted.releasing("v1.7.0") as other:
        other.wait_for_step("smoke")
        adopted.configure("^expect = 418", "expect = 200")
        with adopted.releasing("v1.5.0", "--wait", "2m") as ours:
            ours.wait_for_step("guard", "step-note")
            other.send(signal.SIGTERM)
            assert other.finish().code == 143
            done = ours.finish()
    assert done.code == 0, done
    assert adopted.version() == "v1.5.0"
    assert len(adopted.things()["instance"]) == 2


# The live database, left shut by a dead deployer


def test_thaw_waits_for_the_lease(adopted: Company) -> None:
    """While the deployer may live, only an operator's word opens the database."""
    die_in(adopted, "migrate")
    assert "shop" not in writable(adopted)
    held = adopted.deployer("thaw", "shop")
    assert held.code == Exit.REFUSED, held
    assert "shop" not in writable(adopted)
    adopted.ok("deployer", "thaw", "shop", "--deployer-is-dead")
    assert "shop" in writable(adopted)
    assert said(adopted).lease == ""
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201


def test_thaw_after_the_lease(adopted: Company) -> None:
    """A lease that has run out needs nobody's word; the sweep does the rest."""
    before = adopted.things()
    die_in(adopted, "migrate")
    let_time_pass(adopted, "until")
    adopted.ok("deployer", "thaw", "shop")
    assert "shop" in writable(adopted)
    adopted.ok("reconciler", "sweep")
    assert adopted.things() == before
    assert writable(adopted) == ["shop"]


@pytest.mark.parametrize("action", ["route53:ListResourceRecordSets", "route53:*"])
@pytest.mark.parametrize("kind", ["throttle", "error500"])
def test_thaw_without_route53(
    adopted: Company, faults: FaultClient, action: str, kind: str
) -> None:
    """The ledger out of reach: an operator who knows that the deployer is dead can still thaw."""
    before = adopted.things()
    die_in(adopted, "migrate")
    faults.set(action, kind, times=0)
    unsure = adopted.deployer("thaw", "shop")
    assert unsure.code in (Exit.REFUSED, Exit.DIRT, Exit.FAILED), unsure
    assert "deployer thaw shop --deployer-is-dead" in unsure.err
    assert "shop" not in writable(adopted)
    adopted.ok("deployer", "thaw", "shop", "--deployer-is-dead")
    assert "shop" in writable(adopted)
    assert ask(_live_address(adopted), "/orders", b"{}")[0] == 201
    faults.clear()
    let_time_pass(adopted, "until")
    adopted.ok("reconciler", "sweep")
    assert adopted.things() == before
    assert writable(adopted) == ["shop"]


# The ledger and the record


def test_a_lost_ledger_is_unknown_until_it_is_recovered(adopted: Company) -> None:
    """Nothing is touched without a ledger; `recover` asks, and writes it above every generation."""
    adopted.up("v1.5.0")
    before, things = said(adopted), adopted.things()
    delete_record(adopted, LEDGER_NAME, "TXT")
    refused = adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer recover shop" in refused.err
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    assert adopted.things() == things
    unasked = adopted.deployer("recover", "shop")
    assert unasked.code == Exit.USAGE, unasked
    _has(unasked.err, before.live, *before.previous, "--yes")
    assert adopted.ledger() == ""
    adopted.ok("deployer", "recover", "shop", "--yes")
    after = said(adopted)
    assert (after.live, after.at, after.previous) == (before.live, before.at, before.previous)
    assert after.gen >= before.gen - 1  # the highest that a machine or a database has obeyed
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert adopted.version() == "v1.4.2"


def test_people_win(adopted: Company) -> None:
    """A record that a person moved stays where it is: `up` refuses, `adopt` accepts it."""
    old, original = live_instance(adopted), said(adopted).live
    machine = _cloned_by_hand(adopted, old)
    address = machine["PrivateIpAddress"]
    change_record(adopted, RECORD, "A", [address])
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    _has(refused.err, "somebody moved it", address, "deployer adopt shop")
    adopted.reconciler("sweep")
    assert adopted.pointed_at() == (address,)
    assert said(adopted).live == original
    rolled = adopted.deployer("rollback", "shop")
    assert rolled.code == Exit.REFUSED, rolled

    adopted.ok("deployer", "adopt", "shop", "--yes", "--release", "by-hand")
    assert adopted.pointed_at() == (address,)
    ledger = said(adopted)
    assert (ledger.at, ledger.previous) == ((address,), (original,))
    adopted.ok("reconciler", "sweep")
    adopted.ok("deployer", "status", "shop", "--exit-code")
    adopted.up("v1.5.0")
    assert adopted.version() == "v1.5.0"
    assert {old["InstanceId"], machine["InstanceId"]} <= adopted.things()["instance"]


@pytest.mark.parametrize("strange", ["weighted", "alias", "AAAA"])
def test_only_simple_records_are_handled(adopted: Company, strange: str) -> None:
    """Anything else at the name is refused in words, and nothing is touched."""
    before, things = adopted.ledger(), adopted.things()
    _make_strange(adopted, strange)
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    word = {"weighted": "weight", "alias": "alias", "AAAA": "AAAA"}[strange]
    _has(refused.err, RECORD, word, "simple A record")
    swept = adopted.reconciler("sweep")
    assert swept.code == Exit.DIRT, swept
    _has(swept.out + swept.err, word)
    status = adopted.deployer("status", "shop")
    assert status.code == Exit.REFUSED, status
    _has(status.out, word)
    [text] = ask_dns(adopted, LEDGER_NAME, "TXT")
    assert re.findall(r'"[^"]*"', text) == re.findall(r'"[^"]*"', before)
    assert adopted.things() == things


def test_an_address_that_changed_is_pointed_at_again(adopted: Company) -> None:
    """After a stop and start the live machine may have another address: the record follows."""
    adopted.up("v1.5.0")
    [address] = adopted.pointed_at()
    former = address.rpartition(".")[0] + ".222"
    gen = said(adopted).gen
    moved = adopted.ledger().replace(f"at={address}", f"at={former}")
    moved = moved.replace(f"gen={gen}", f"gen={gen + 1}")
    change_record(adopted, LEDGER_NAME, "TXT", [moved])
    change_record(adopted, RECORD, "A", [former])
    _has(adopted.ok("reconciler", "plan").out, "repoint", address)
    adopted.ok("reconciler", "sweep")
    assert adopted.pointed_at() == (address,)
    assert said(adopted).at == (address,)
    assert said(adopted).gen > gen + 1
    assert adopted.version() == "v1.5.0"
    adopted.ok("deployer", "status", "shop", "--exit-code")


def _has(text: str, *words: str) -> None:
    """Every word stands in the text."""
    missing = [one for one in words if one not in text]
    assert not missing, f"missing {missing} in:\n{text}"


def _json(company: Company, code: int, tool: str, *words: str) -> Any:
    """The one JSON object a command answers with."""
    done = company.run(tool, *words, "--json")
    assert done.code == code, done
    return json.loads(done.out)


def _database_of(company: Company, before: dict[str, set[str]]) -> list[str]:
    return sorted(company.things()["database"] - before["database"])


def _live_address(company: Company) -> str:
    [machine] = [
        one
        for one in company.instances()
        if company.tags(one["InstanceId"]).get("deploy-state") == "live"
    ]
    return str(machine["PrivateIpAddress"])


def _cloned_by_hand(company: Company, machine: dict[str, Any]) -> dict[str, Any]:
    """Another machine like it, made in the console: image, launch, no tags."""
    ec2 = company.aws("ec2")
    often = {"Delay": 0.2, "MaxAttempts": 200}
    image = ec2.create_image(InstanceId=machine["InstanceId"], Name="by-hand", NoReboot=True)
    ec2.get_waiter("image_available").wait(ImageIds=[image["ImageId"]], WaiterConfig=often)
    [made] = ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        SubnetId=machine["SubnetId"],
        SecurityGroupIds=[one["GroupId"] for one in machine["SecurityGroups"]],
        KeyName=machine["KeyName"],
    )["Instances"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]], WaiterConfig=often)
    address = made["PrivateIpAddress"]
    wait_for(lambda: ask(address, "/healthz")[0] == 200, "the machine made by hand serves")
    return dict(made)


def _make_strange(company: Company, strange: str) -> None:
    if strange == "AAAA":
        change_record(company, RECORD, "AAAA", ["2001:db8::1"])
        return
    [address] = company.pointed_at()
    if strange == "alias":
        change_record(company, "other.example.test", "A", [address])
    delete_record(company, RECORD, "A")
    route53 = company.aws("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    record: dict[str, Any] = {"Name": RECORD, "Type": "A"}
    if strange == "weighted":
        record |= {"SetIdentifier": "a", "Weight": 10, "TTL": 60}
        record["ResourceRecords"] = [{"Value": address}]
    else:
        target = {"DNSName": "other.example.test", "EvaluateTargetHealth": False}
        record["AliasTarget"] = {"HostedZoneId": zone.removeprefix("/hostedzone/"), **target}
    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )
