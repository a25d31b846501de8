"""Attacks on clones that need machines: `docs/attacks-clones.md` tells each story whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.machines import Machines
from reconciler.errors import Refused
from reconciler.exit_codes import Exit
from reconciler.machine.activation_gate import GENERATOR, ActivationGate
from reconciler.machine.clone_check import quarantine_script
from reconciler.machine.gate_placement import place_script
from reconciler.machine.unit_control import Act, obey_script
from tests.e2e.probes import beats, live_instance, on_machine
from tests.sandbox.machines.lab import BASE, Client, Key, Lab, wait_for
from tests.support.adoption import adopt
from tests.support.company import Company
from tests.support.warm_company import WarmCompany

pytestmark = pytest.mark.timeout(600)

DEPLOY = "shop/20261123T031502Z-7kq2m"
GATE = ActivationGate(app=("shop",), jobs=("worker", "report.timer", "many.target"))
WANTED = "\n[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "shop.service": "",
    "worker.service": f"[Unit]\nRequires=shop.service\nAfter=shop.service{WANTED}",
    "report.service": WANTED,
    "member.service": "[Install]\nWantedBy=many.target\n",
    "blog.service": WANTED,
}
REST = {
    "report.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
    "many.target": WANTED,
}


@pytest.fixture
def adopted(sandbox: Sandbox) -> Company:
    """The company with its live v1 under a ledger."""
    company = WarmCompany(sandbox)
    company.look_often(25)
    adopt(company)
    return company


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Machines of this test alone."""
    try:
        host = Machines(tmp_path / "machines")
    except Refused as refusal:
        pytest.skip(f"{refusal.message}; {refusal.cure}")
    host.create_base_image(BASE)
    made = Lab(host, Key.make())
    yield made
    made.end()
    host.shutdown()


def database(company: Company) -> str:
    """The one that there is on the first day."""
    (found,) = company.databases()
    return found


def test_18_a_clone_on_which_cloud_init_does_nothing(adopted: Company) -> None:
    """It writes nothing into production's database, and nobody is sent to look for an intruder."""
    live = live_instance(adopted)
    on_machine(adopted, live, "sudo -n touch /etc/cloud/cloud-init.disabled")
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    said = done.out + done.err
    assert done.code == Exit.FAILED, done
    assert "cloud-init did not act" in said
    assert "who answers" not in said
    assert len(beats(adopted, database(adopted))) == 1


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (
            f"rm {GENERATOR} && systemctl daemon-reload && systemctl start shop-worker",
            "let no line of code.install start a gated unit",
        ),
        ("systemctl unmask shop-worker && systemctl enable --now shop-worker", "is masked"),
    ],
)
def test_19_an_install_line_that_starts_the_worker(adopted: Company, line: str, word: str) -> None:
    """The gate taken apart by the release's own install: found out before anything is switched."""
    adopted.configure("^install = .*", f'install = ["{line}"]')
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.FAILED, done
    assert word in done.out + done.err
    assert adopted.version() == "v1.4.2"
    assert len(adopted.instances()) == 1


def as_root(client: Client, script: str) -> str:
    """What a script of ours prints; it must succeed."""
    done = client.run("sudo sh -s", script.encode())
    assert done.code == 0, done
    return done.out


def acted(client: Client) -> set[str]:
    """Who has acted in this boot."""
    return set(client.run("cat /run/acts").out.split())


def production(lab: Lab) -> tuple[str, Client]:
    """A machine whose units write down that they acted; rebooted, as production is some day."""
    machine = lab.boot()
    client = lab.connect(machine)
    lines = [
        "printf '#!/bin/sh\\necho $1 >> /run/acts\\nexec sleep 1000\\n' > /usr/local/bin/act",
        "chmod 755 /usr/local/bin/act",
    ]
    for name, more in UNITS.items():
        stem = name.removesuffix(".service")
        text = f"[Service]\nExecStart=/usr/local/bin/act {stem}\n{more}"
        lines.append(f"cat > /etc/systemd/system/{name} <<'X'\n{text}X")
    lines += [f"cat > /etc/systemd/system/{name} <<'X'\n{text}X" for name, text in REST.items()]
    enabled = "worker report member blog report.timer many.target"
    as_root(client, "\n".join([*lines, f"systemctl enable {enabled}"]))
    return machine, rebooted(lab, machine)


def rebooted(lab: Lab, machine: str) -> Client:
    """The machine after a reboot."""
    lab.machines.reboot(machine)
    lab.await_up(machine)
    return lab.connect(machine)


def test_07_09_20_what_acts_on_clones_and_clones_of_clones(lab: Lab) -> None:
    """A job that requires the app, a service started by timer and boot, and another service's.

    shop.service is enabled by nobody: on live the worker pulled it in.
    """
    machine, live = production(lab)
    wait_for(lambda: acted(live) == {"shop", "worker", "report", "member", "blog"})
    as_root(live, place_script(GATE, Act(41, DEPLOY, "run", "run")))

    clone = lab.connect(lab.boot(image=lab.image_of(machine)))
    wait_for(lambda: "blog" in acted(clone))
    assert acted(clone) == {"blog"}
    assert as_root(clone, quarantine_script(GATE)) == ""
    as_root(clone, obey_script(GATE, Act(42, DEPLOY, "run", "stop")))
    assert acted(clone) == {"blog", "shop"}

    other_id = lab.boot(image=lab.image_of(machine))
    other, blog = lab.connect(other_id), ActivationGate(app=("blog",))
    as_root(other, obey_script(blog, Act(3, "blog/20261129T020000Z-aaaaa", "run", "run")))
    other = rebooted(lab, other_id)
    wait_for(lambda: "blog" in acted(other))
    assert acted(other) == {"blog"}

    as_root(live, obey_script(GATE, Act(43, DEPLOY, "run", "stop")))
    jobs = live.run("systemctl is-active worker report member many.target report.timer").out
    assert set(jobs.split()) == {"inactive"}
    assert live("systemctl is-active shop") == "active"
