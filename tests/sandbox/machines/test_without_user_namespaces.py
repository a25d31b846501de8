"""Where the system allows no user namespaces: root manages without, others are told the cure.

A namespace in which no further one may be made stands for such a system: in it we are root with
every capability, or, once it is taken from us, without the one that the others need.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployer.sandbox.machines.fork_server import client
from tests.sandbox.machines.lab import Lab

pytestmark = pytest.mark.timeout(90)

_NONE_ALLOWED = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
_WITHOUT_ADMIN = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")

_TELL = """
import sys
from pathlib import Path
from deployer.sandbox.machines import Machines
from reconciler.errors import Refused
try:
    Machines(Path(sys.argv[1])).shutdown()
    print("machines")
except Refused as refusal:
    print(refusal.message, "|", refusal.cure)
"""

_BOOT = """
import sys, time
from pathlib import Path
from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines import Machines
host = Machines(Path(sys.argv[1]))
host.create_base_image("ami-base")
tries = " ".join(f"try {word!r};" for word in sys.argv[3:])
shell = 'try() { sh -c "$1" >/dev/null 2>&1 && echo "DONE $1"; }; ' + tries + ' echo PID $$; id -u'
host.create(BootSpec("i-1", "ami-base", sys.argv[2], f"#!/bin/sh\\n{shell}\\n".encode()))
while b"finished" not in host.console("i-1"):
    time.sleep(0.01)
print(host.console("i-1").decode())
host.shutdown()
"""


def _run(script: str, *words: str, through: tuple[str, ...] = ()) -> str:
    command = [*through, sys.executable, "-c", script, *words]
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", _NONE_ALLOWED, "sh", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_root_without_the_capability_is_told_the_cure(directory: Path) -> None:
    """As in an ordinary container: a refusal in words, before anything runs."""
    directory.mkdir()
    told = _run(_TELL, str(directory), through=_WITHOUT_ADMIN)
    assert "sandbox needs user namespaces" in told
    assert "sudo sysctl -w user.max_user_namespaces=10000" in told
    assert list(directory.glob("instances/*")) == []


def test_root_has_machines_without_them_and_the_ways_out_are_shut(
    directory: Path, lab: Lab, tmp_path: Path
) -> None:
    """Mounts, processes and names of its own do it; the machine's root cannot undo them."""
    escapes = (
        "touch /usr/bin/env",
        "chmod 777 /usr",
        "mount -o remount,rw,bind /usr",
        "umount -l /usr",
        "unshare -rm umount /usr",
        "unshare -m umount /usr",
        "mknod /srv/disk b 254 0",
        "nsenter -t 1 -m touch /usr/x",
        "chroot /proc/1/cwd/../.. ls /boot",
        "echo h > /proc/sysrq-trigger",
        "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern",
        f"ls {tmp_path}",
        "test $(ps -e | wc -l) -gt 20",
    )
    said = _run(_BOOT, str(directory), lab.spec().address, *escapes, "touch /srv/own")
    done = [line for line in said.splitlines() if line.startswith(("DONE", "part-001"))]
    assert [line for line in done if "DONE" in line and "/srv/own" not in line] == [], said
    assert "DONE touch /srv/own" in said
    assert (directory / "instances/i-1/disk/srv/own").exists()
    assert not Path("/srv/own").exists()


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"kernel.unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        (
            {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_user_namespaces": "9"},
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"user.max_user_namespaces": "0"}, "user.max_user_namespaces=10000"),
    ],
)
def test_the_cure_is_the_setting_that_forbids_it(
    tmp_path: Path, settings: dict[str, str], cure: str
) -> None:
    """Only what stands in the way is named, with a value that lets us through."""
    for name, value in settings.items():
        file = tmp_path.joinpath(*name.split("."))
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{value}\n")
    assert client.cure(tmp_path) == f"sudo sysctl -w {cure}"


def test_in_a_container_no_setting_helps(tmp_path: Path) -> None:
    """Where no setting forbids it, what contains us does."""
    assert "start the container with --security-opt seccomp=unconfined" in client.cure(tmp_path)
