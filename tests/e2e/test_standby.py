"""Machines of previous releases go to rest after a switch, and a rollback gets them back."""

from __future__ import annotations

import socket

from tests.e2e.probes import has, instance_at, is_active, wait_for
from tests.e2e.zone import let_time_pass, said
from tests.support.company import PORT, Company, Json, Witness, ask

DAY = 24 * 60


def test_a_drained_and_a_parked_release_come_back(adopted: Company) -> None:
    """Connections are cut off after the drain; a machine halts itself; a rollback starts it."""
    adopted.up("v1.5.0")
    parked = _live(adopted)
    adopted.up("v1.7.0")
    newer = said(adopted).live
    with socket.create_connection((parked["PrivateIpAddress"], PORT)):
        let_time_pass(adopted, minutes=30)
        has(adopted.reconciler("plan").out, "~ drain", parked["InstanceId"])
        swept = adopted.ok("reconciler", "sweep")
    has(swept.out + swept.err, "1 connection still open until then")
    assert not is_active(adopted, parked, "shop.service")
    assert ask(parked["PrivateIpAddress"], "/healthz")[0] == 0
    has(adopted.ok("deployer", "status", "shop", "--exit-code").out, "drained")

    let_time_pass(adopted, minutes=DAY)
    adopted.ok("reconciler", "sweep")
    assert _state(adopted, parked) == "stopped"
    has(adopted.ok("deployer", "status", "shop", "--exit-code").out, "1 machine parked")
    has(adopted.ok("reconciler", "report").out, "1 parked")
    has(adopted.ok("reconciler", "explain", parked["InstanceId"]).out, "stopped (parked)")

    witness = Witness(adopted)
    with witness.watching(writing=False):
        back = adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert witness.errors == []
    has(back.out + back.err, "1 running, 1 of them started")
    assert adopted.version() == "v1.5.0"
    assert said(adopted).previous[0] == newer
    assert is_active(adopted, parked, "shop-worker.service")
    adopted.ok("reconciler", "sweep")
    assert adopted.tags(parked["InstanceId"])["deploy-state"] == "live"


def test_what_people_stopped_is_started_as_well(adopted: Company) -> None:
    """A rollback asks EC2 what is down, not who did it; nothing else was parked."""
    adopted.up("v1.5.0")
    old = instance_at(adopted, next(iter(_at(adopted) - set(adopted.pointed_at()))))
    adopted.aws("ec2").stop_instances(InstanceIds=[old["InstanceId"]])
    wait_for(lambda: _state(adopted, old) == "stopped", "it stops")
    adopted.ok("deployer", "rollback", "shop", "--discard-writes")
    assert adopted.version() == "v1.4.2"
    assert _state(adopted, old) == "running"


def _live(company: Company) -> Json:
    return instance_at(company, company.pointed_at()[0])


def _at(company: Company) -> set[str]:
    return {
        str(one["PrivateIpAddress"]) for one in company.instances() if "PrivateIpAddress" in one
    }


def _state(company: Company, instance: Json) -> str:
    [found] = [one for one in company.instances() if one["InstanceId"] == instance["InstanceId"]]
    return str(found["State"]["Name"])
