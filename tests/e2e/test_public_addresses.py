"""A service in the open: its record holds public addresses, which change at a stop and start."""

from __future__ import annotations

import psutil

from reconciler.exit_codes import Exit
from tests.e2e.probes import has, live_instance, wait_for
from tests.e2e.zone import ask_dns, change_record, said
from tests.support.company import RECORD, Company, Json, ask

BY_HAND = "203.0.113.9"


def test_the_record_follows_a_public_address_and_nobody_else(company: Company) -> None:
    """Adopted and released on public addresses; stopped and started, the record is repointed.

    Not while the machine is stopped, and not where a person moved the record.
    """
    company.adopt()
    company.append('\n[instance]\naddress = "public"\n')
    company.up("v1.5.0")
    company.configure('address = "public"', "")
    has(company.ok("deployer", "plan", "shop").out, "public", "as the record holds")
    live = _live(company)
    first = live["PublicIpAddress"]
    assert company.pointed_at() == (first,) != (live["PrivateIpAddress"],)
    assert company.version() == "v1.5.0"

    _stop(company, live)
    for words in ("plan", "sweep"):
        company.reconciler(words)
        assert (company.pointed_at(), said(company).at) == ((first,), (first,)), words
    second = _start(company, live)
    assert second != first
    assert ask(first, "/healthz")[0] == 0
    has(company.ok("reconciler", "plan").out, "repoint", second)
    status = company.deployer("status", "shop", "--exit-code")
    assert status.code == Exit.TO_DO, status
    has(status.out, f"the live machines are at {second} now", first)
    assert company.pointed_at() == (first,)

    gen = said(company).gen
    company.ok("reconciler", "sweep")
    assert ask_dns(company, RECORD, "A") == (second,) == said(company).at
    assert said(company).gen > gen
    assert company.version() == "v1.5.0"
    assert "repoint" not in company.ok("reconciler", "plan").out
    company.ok("deployer", "status", "shop", "--exit-code")
    _people_win(company, live)
    _nothing_stays(company)


def test_an_elastic_ip_does_not_move_silently(company: Company) -> None:
    """The record names one: a release is refused before it makes anything, and its cure helps."""
    in_the_open(company)
    company.adopt()
    refused = company.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "an Elastic IP of the live machine", "such as a partner's firewall")
    assert len(company.instances()) == 1
    assert company.version() == "v1.4.2"
    has(refused.err, '[traffic] kind = "elastic-ip"', "deployer move shop")

    company.append('\n[traffic]\nkind = "elastic-ip"\n')
    again = company.deployer("up", "shop", "--ref", "v1.5.0")
    assert again.code == Exit.REFUSED, again
    company.ok("deployer", "move", "shop", "--yes")
    record = company.pointed_at()
    company.up("v1.5.0")
    assert company.version() == "v1.5.0"
    assert company.pointed_at() == record
    company.ok("deployer", "rollback", "shop", "--discard-writes")
    assert company.version() == "v1.4.2"
    company.ok("deployer", "status", "shop", "--exit-code")


def _people_win(company: Company, live: Json) -> None:
    """A record that a person moved is reported, and stays where it is."""
    written = said(company).at
    change_record(company, RECORD, "A", [BY_HAND])
    _stop(company, live)
    assert _start(company, live) not in written
    swept = company.reconciler("sweep")
    has(swept.out + swept.err, "somebody moved it", BY_HAND)
    assert company.pointed_at() == (BY_HAND,)
    assert said(company).at == written


def in_the_open(company: Company) -> None:
    """The live v1 gets an Elastic IP, and the record says so."""
    ec2 = company.aws("ec2")
    made = ec2.allocate_address(Domain="vpc")
    live = live_instance(company)
    ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=live["InstanceId"])
    change_record(company, RECORD, "A", [made["PublicIp"]])
    assert company.version() == "v1.4.2"


def _live(company: Company) -> Json:
    """The machine whose public address the record holds."""
    [address] = company.pointed_at()
    [found] = [one for one in company.instances() if one.get("PublicIpAddress") == address]
    return found


def _stop(company: Company, instance: Json) -> None:
    company.aws("ec2").stop_instances(InstanceIds=[instance["InstanceId"]])
    wait_for(lambda: _now(company, instance)["State"]["Name"] == "stopped", "it stops")
    assert "PublicIpAddress" not in _now(company, instance)


def _start(company: Company, instance: Json) -> str:
    """Start it, and wait until it serves; its public address."""
    company.aws("ec2").start_instances(InstanceIds=[instance["InstanceId"]])
    wait_for(lambda: _now(company, instance)["State"]["Name"] == "running", "it runs")
    address = str(_now(company, instance)["PublicIpAddress"])
    wait_for(lambda: ask(address, "/healthz")[0] == 200, f"it serves at {address}")
    return address


def _now(company: Company, instance: Json) -> Json:
    [found] = [one for one in company.instances() if one["InstanceId"] == instance["InstanceId"]]
    return found


def _nothing_stays(company: Company) -> None:
    """What stands at a public address goes with its machine; after a reset nothing is left."""
    daemon = psutil.Process(company.sandbox.state().pid)

    def public() -> set[str]:
        listening = [one for one in daemon.net_connections("tcp") if one.status == "LISTEN"]
        return {one.laddr.ip for one in listening if 192 <= int(one.laddr.ip.split(".")[2]) < 224}

    held = {one.get("PublicIpAddress") for one in company.instances()} - {None}
    assert public() == held != set()
    company.sandbox.reset()
    assert public() == set()
