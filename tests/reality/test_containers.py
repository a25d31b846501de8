"""Container machines as machines: they halt, restart, copy their disks and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from deployer.sandbox.machines.container import control_group, image
from deployer.sandbox.machines.container.host import ContainerMachines
from tests.reality.laboratory import Laboratory, until

pytestmark = pytest.mark.timeout(900)

# A host that starts one machine, says so, and waits to be killed.
HOST = """
import sys, time
from pathlib import Path
from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container.connections import Ports
from deployer.sandbox.machines.container.host import ContainerMachines
host = ContainerMachines(Path(sys.argv[1]), Path(sys.argv[2]), Ports(2222))
host.create_base_image("ami-base")
host.create(BootSpec("i-0dead", "ami-base", "127.201.7.7"))
while b"systemd" not in host.console("i-0dead"):
    time.sleep(0.1)
print("booting", flush=True)
time.sleep(600)
"""


@pytest.fixture
def laboratory(container_laboratory: Laboratory) -> Laboratory:
    """Containers for one test."""
    return container_laboratory


def test_a_machine_that_halts_and_starts_again(laboratory: Laboratory) -> None:
    """`poweroff` inside is EC2's `stopped`; its disk, and no process, is left."""
    machine = laboratory.boot()
    host, name = machine.host, machine.spec.instance_id
    machine.root("echo kept > /srv/note; sync")
    machine.attempt("systemctl poweroff")
    until(lambda: host.has_halted(name), "it does not halt")
    assert not host.is_up(name)
    host.start(name)
    assert machine.root("cat /srv/note") == "kept\n"


def test_a_reboot_is_no_halt(laboratory: Laboratory) -> None:
    """However often it is asked meanwhile: EC2 never calls a machine that reboots stopped."""
    machine = laboratory.boot()
    machine.root("true")
    halted: list[bool] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.005):
            halted.append(machine.host.has_halted(machine.spec.instance_id))

    with ThreadPoolExecutor(1) as beside:
        beside.submit(ask)
        machine.host.reboot(machine.spec.instance_id)
        ended.set()
    assert halted
    assert not any(halted)


def test_an_image_shows_one_moment(laboratory: Laboratory) -> None:
    """Two files that are written in turn never differ by more than one step in a copy."""
    machine = laboratory.boot()
    machine.root(
        "cat > /srv/write <<'X'\n"
        "put() { echo $n > /srv/new; mv /srv/new /srv/$1; }\n"
        "n=0; while :; do n=$((n + 1)); put first; put second; done\nX\n"
        "systemd-run sh /srv/write; until [ -e /srv/second ]; do sleep 0.1; done"
    )
    clone = laboratory.boot(laboratory.image_of(machine))
    first, second = clone.root("cat /srv/first /srv/second").split()
    assert 0 <= int(first) - int(second) <= 1
    assert int(first) > 0


def test_a_killed_host_leaves_no_machine(
    container_host: ContainerMachines,  # noqa: ARG001 -- skips where none can run, and builds
    tmp_path: Path,
) -> None:
    """SIGKILL of the sandbox's process ends systemd-nspawn, the machine and its mounts."""
    tree = image.find(image.this_system())
    command = [sys.executable, "-c", HOST, str(tmp_path), str(tree)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"booting\n"
        inside = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
    assert len(inside) > 2
    _, alive = psutil.wait_procs(inside, timeout=30)
    assert alive == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    control_group.remove_dead()  # as the next sandbox does
    assert list(Path("/sys/fs/cgroup").rglob(f"sandbox-{process.pid}-*")) == []
