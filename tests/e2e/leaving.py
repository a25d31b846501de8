"""What is looked at when a service leaves: our marks, a broad sweep, live's reboot."""

from __future__ import annotations

import tomllib
from pathlib import Path

from reconciler.exit_codes import Exit
from tests.e2e.probes import is_active, live_instance
from tests.e2e.test_gate import UNITS, started, started_anew
from tests.e2e.zone import let_time_pass
from tests.sandbox.machines.lab import wait_for
from tests.support.company import TRUSTING, Company, Json, ask

BROAD = """
kinds = ["rds-instance", "rds-snapshot", "target-group"]
lift_protection = true

[breaker]
max_count = 1000
share = 1.0
"""
"""Every kind, protected things too, and no limit: what a sweep would delete at the worst."""


def left_of(company: Company) -> str:
    """The id in the tombstone."""
    (found,) = [word for word in company.ledger().split('"') if word.startswith("left=")]
    return found.split(" ")[0].removeprefix("left=")


def marked(company: Company) -> set[str]:
    """Everything in the account that carries our tags."""
    every = (id_ for ids in company.resources().values() for id_ in ids)
    return {id_ for id_ in every if any(key.startswith("deploy-") for key in company.tags(id_))}


def leave(company: Company) -> tuple[Json, str]:
    """Leave; returns live's machine, and its former id."""
    live = live_instance(company)
    live["HostKey"] = company.tags(live["InstanceId"]).get("deploy-host-key", "")
    company.ok("deployer", "leave", "shop", "--yes", "--keep", "1h")
    assert live["InstanceId"] not in marked(company)
    return live, left_of(company)


def broad_sweep(company: Company) -> None:
    """Sweep with the broadest configuration, when nothing older is kept any more."""
    if "until=" in company.ledger():
        let_time_pass(company, "until", minutes=120)
    company.configure("^keep    = 2", 'keep    = 1\nkeep_rejected = "0s"')
    path = Path(company.environment["DEPLOY_CONFIG"]) / "reconciler.toml"
    text = path.read_text()
    tomllib.loads(text + BROAD)
    path.write_text(text + BROAD)
    try:
        swept = company.reconciler("sweep")
    finally:
        path.write_text(text)
    assert swept.code == Exit.DONE, swept


def reboot(company: Company, live: Json) -> None:
    """Reboot live, and wait until it serves again with every unit."""
    before = started(company, live)
    company.aws("ec2").reboot_instances(InstanceIds=[live["InstanceId"]])
    wait_for(lambda: started_anew(company, live, before))
    wait_for(lambda: ask(live["PrivateIpAddress"], "/healthz")[0] == 200)
    assert all(is_active(company, live, unit) for unit in UNITS)


def come_back(company: Company, live: Json, id_: str) -> None:
    """Adopt the same machine, under its former id; everything is as after a release."""
    company.ok("deployer", "adopt", "shop", *TRUSTING)
    assert company.tags(live["InstanceId"])["deploy-id"] == id_
    company.ok("deployer", "status", "shop", "--exit-code")


def goes_and_comes_back(company: Company) -> None:
    """Leave, a broad sweep, a reboot: nothing of live is touched; then adopt, which knows it.

    Only what older releases had alone is deleted. Live answers as before all the time.
    """
    answer, address = company.get(), company.pointed_at()
    live, id_ = leave(company)
    broad_sweep(company)
    assert {one["InstanceId"] for one in company.instances()} >= {live["InstanceId"]}
    volumes = {one["Ebs"]["VolumeId"] for one in live["BlockDeviceMappings"]}
    assert volumes <= company.resources()["volume"]
    reboot(company, live)
    assert (company.get(), company.pointed_at()) == (answer, address)
    assert ask(live["PrivateIpAddress"], "/orders", b"{}")[0] == 201
    come_back(company, live, id_)
