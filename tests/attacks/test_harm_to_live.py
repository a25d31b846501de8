"""What is done to live: how each attack left it stopped, shut or doubled before rules 17 and 18.

As in `test_harm_to_ledgers`: no exit code is asked, only what clients and machines say.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.invariants import wait_for
from tests.e2e.probes import die_in, is_active, live_instance, on_machine
from tests.support.company import OTHER_PRODUCT, Company, Json, ask

pytestmark = pytest.mark.timeout(900)


def new_key(text: str) -> str:
    """A line of the configuration that older versions refuse: they have no such time at all."""
    return "" if OTHER_PRODUCT else text


def serves(company: Company) -> bool:
    """Whether clients get an answer."""
    return ask(company.pointed_at()[0], "/healthz")[0] == 200


def takes_writes(company: Company) -> bool:
    """Whether a customer can order."""
    return ask(company.pointed_at()[0], "/orders", b"{}")[0] == 201


def test_killed_between_the_image_hooks(adopted: Company) -> None:
    """SIGKILL while live is stopped for its image; then the sweep. Live serves again."""
    hooks = 'before = ["systemctl stop shop"]\nafter = ["systemctl start shop"]'
    limit = new_key('max_stopped = "4s"')
    adopted.append(f"[image]\n{hooks}\n{limit}")
    faults = adopted.sandbox.faults()
    faults.set("CreateImage", "delay", seconds=15)
    with adopted.releasing() as release:
        wait_for(lambda: not serves(adopted))
        release.send(signal.SIGKILL)
        release.finish()
    faults.clear()
    adopted.deployer("abort", "shop", "--yes")
    adopted.reconciler("sweep")
    wait_for(lambda: serves(adopted))


def test_killed_in_the_freeze(adopted: Company) -> None:
    """The loop's quick rounds open live within a minute, whatever the lease's length."""
    adopted.append(new_key('[lease]\nfrozen = "6s"'))
    die_in(adopted, "migrate")
    assert not takes_writes(adopted)

    def opened() -> bool:
        adopted.reconciler("sweep", "--young")
        return takes_writes(adopted)

    wait_for(opened)


@contextmanager
def hanging(company: Company, machine: Json) -> Iterator[None]:
    """The machine answers nobody; then it goes on where it was."""
    mine = on_machine(company, machine, "readlink /proc/self/ns/pid").strip()
    found = [
        int(one.name)
        for one in Path("/proc").iterdir()
        if one.name.isdigit() and pid_namespace(one) == mine
    ]
    assert found
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


def pid_namespace(process: Path) -> str:
    """Of a process; '' for one that has ended."""
    try:
        return str((process / "ns" / "pid").readlink())
    except OSError:
        return ""


def test_a_rollback_while_live_hangs(adopted: Company) -> None:
    """It comes back with its jobs: they run on no second machine."""
    before = live_instance(adopted)
    adopted.append('[limits]\nconnect = "2s"')
    adopted.up("v1.5.0")
    after = live_instance(adopted)
    with hanging(adopted, after):
        adopted.deployer("rollback", "shop", "--discard-writes")
    assert adopted.version() == "v1.4.2"
    on_both = [is_active(adopted, one, "shop-worker") for one in (before, after)]
    assert on_both == [False, True]


def test_another_services_base_image(adopted: Company) -> None:
    """An image of a dead release, named by another service's `instance.image`, stays."""
    before = adopted.resources()["image"]
    die_in(adopted, "code")
    (image,) = adopted.resources()["image"] - before
    text = adopted.service_file().read_text()
    text = text.replace('"shop.example.test"', '"search.example.test"')
    adopted.service_file("search").write_text(f'{text}\n[instance]\nimage = "{image}"\n')
    adopted.deployer("abort", "shop", "--yes")
    adopted.reconciler("sweep", "--service", "shop")
    assert image in adopted.resources()["image"]
