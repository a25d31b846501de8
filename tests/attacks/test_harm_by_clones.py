"""What a clone does: how each attack let one act as production before rule 19 was kept.

As in `test_harm_to_ledgers`: no exit code is asked, only who has acted.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.probes import beats, instance_at, is_active, live_instance, on_machine, wait_for
from tests.support.company import Company, Json

pytestmark = pytest.mark.timeout(900)

WORKER = "/etc/systemd/system/shop-worker.service.d"
DISABLED = "/etc/cloud/cloud-init.disabled"


def with_jobs(company: Company, *jobs: str) -> None:
    """Other jobs in the configuration."""
    company.configure(r"^jobs\b.*$", f"jobs = {list(jobs)}".replace("'", '"'))


def writes_file(company: Company, machine: Json, path: str, *lines: str) -> None:
    """Somebody with root edits a file."""
    text = "\\n".join(lines)
    script = (
        f"sudo -n mkdir -p {path.rpartition('/')[0]} && printf '{text}\\n' | sudo -n tee {path}"
    )
    on_machine(company, machine, script)


def runs_worker(company: Company) -> list[str]:
    """The machines whose worker runs."""
    machines = company.instances()
    return [one["InstanceId"] for one in machines if is_active(company, one, "shop-worker")]


CLONE = "a clone of live"


def name_clones_workers(company: Company, live: Json) -> None:
    """From its next start, which is a clone's, the worker asks cloud-init for no name."""
    writes_file(
        company, live, f"{WORKER}/name.conf", "[Service]", f'Environment="SHOP_HOST={CLONE}"'
    )


def test_a_mistyped_job(company: Company) -> None:
    """No clone's worker writes into the live database, and only live's runs in the end."""
    with_jobs(company, "shop-cron", "shop-workr")
    company.deployer("adopt", "shop", "--yes")
    company.deployer("up", "shop", "--ref", "v1.5.0")
    writers = len(beats(company, "shop"))
    with_jobs(company, "shop-cron", "shop-worker")
    company.reconciler("sweep")
    assert (writers, runs_worker(company)) == (1, [live_instance(company)["InstanceId"]])


def test_a_job_that_is_added_later(company: Company) -> None:
    """After the next sweep it runs on live alone."""
    with_jobs(company, "shop-cron")
    company.adopt()
    company.up("v1.5.0")
    with_jobs(company, "shop-cron", "shop-worker")
    company.reconciler("sweep")
    assert runs_worker(company) == [live_instance(company)["InstanceId"]]


def test_what_else_acts_is_named(adopted: Company) -> None:
    """A unit that nobody configured acts on every clone: `plan` says so."""
    lines = ("[Service]", "ExecStart=/bin/sleep 600", "[Install]", "WantedBy=multi-user.target")
    live = live_instance(adopted)
    writes_file(adopted, live, "/etc/systemd/system/mailer.service", *lines)
    on_machine(adopted, live, "sudo -n systemctl enable --now mailer")
    assert "mailer.service" in adopted.deployer("plan", "shop").out


def test_cloud_init_is_disabled(adopted: Company) -> None:
    """The first clone of an adopted machine: it writes nothing, nobody is sent for an intruder."""
    live = live_instance(adopted)
    name_clones_workers(adopted, live)
    on_machine(adopted, live, f"sudo -n touch {DISABLED}")
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert CLONE not in beats(adopted, "shop")
    assert "who answers" not in done.out + done.err


def test_cloud_init_takes_the_clone_for_its_source(adopted: Company) -> None:
    """`manual_cache_clean`: it tells the id that lies on the disk, the live machine's.

    Its part is played by a unit of its name, in the order that it has on a real machine.
    """
    adopted.up("v1.5.0")
    live, database = live_instance(adopted), str(adopted.get()["database"])
    writes_file(adopted, live, "/etc/cloud/cloud.cfg.d/99-cache.cfg", "manual_cache_clean: true")
    writes_file(
        adopted,
        live,
        "/etc/systemd/system/cloud-init.service",
        "[Unit]",
        "DefaultDependencies=no",
        "[Service]",
        "Type=oneshot",
        'ExecStart=/bin/sh -c "mkdir -p /run/cloud-init; '
        'cp /var/lib/cloud/data/instance-id /run/cloud-init/.instance-id"',
        "[Install]",
        "WantedBy=sysinit.target",
    )
    on_machine(adopted, live, f"sudo -n systemctl enable cloud-init; sudo -n touch {DISABLED}")
    name_clones_workers(adopted, live)
    adopted.deployer("up", "shop", "--ref", "v1.7.0")
    assert CLONE not in beats(adopted, database)


def test_an_override_that_empties_conditions(adopted: Company) -> None:
    """`override.conf` comes after our drop-in by its name."""
    lines = ("[Unit]", "ConditionPathExists=")
    writes_file(adopted, live_instance(adopted), f"{WORKER}/override.conf", *lines)
    adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert len(beats(adopted, "shop")) == 1


@contextmanager
def clone_of(company: Company, live: Json) -> Iterator[Json]:
    """A new machine that has been told nothing yet, in the middle of a release."""
    company.configure("^install = .*", 'install = ["sleep 300"]')
    with company.releasing() as release:
        release.wait_for_step("code")
        (clone,) = [one for one in company.instances() if one["InstanceId"] != live["InstanceId"]]
        yield clone
        release.send(signal.SIGINT)
        release.finish()


def test_what_a_job_pulls_in(adopted: Company) -> None:
    """`Wants=` of a gated worker: the feed runs on live, and on no clone."""
    live = live_instance(adopted)
    feed = ("[Service]", "ExecStart=/bin/sleep 6000")
    writes_file(adopted, live, "/etc/systemd/system/feed.service", *feed)
    writes_file(adopted, live, f"{WORKER}/feed.conf", "[Unit]", "Wants=feed.service")
    reload = "sudo -n systemctl daemon-reload; sudo -n systemctl restart shop-worker"
    on_machine(adopted, live, reload)
    wait_for(lambda: is_active(adopted, live, "feed"), "the worker pulls the feed in")
    with clone_of(adopted, live) as clone:
        assert not is_active(adopted, clone, "feed")


def test_a_oneshot_among_the_jobs(adopted: Company) -> None:
    """No sweep runs it: a report that goes out once a day goes out when its timer says."""
    live = live_instance(adopted)
    report = ("[Service]", "Type=oneshot", 'ExecStart=/bin/sh -c "echo ran >> /srv/reports"')
    writes_file(adopted, live, "/etc/systemd/system/report.service", *report)
    with_jobs(adopted, "shop-cron", "shop-worker", "report")
    adopted.deployer("up", "shop", "--ref", "v1.5.0")
    for _ in range(2):
        adopted.reconciler("sweep")
    (at,) = adopted.pointed_at()
    reports = on_machine(adopted, instance_at(adopted, at), "cat /srv/reports || true")
    assert "ran" not in reports
