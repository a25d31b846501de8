"""No command of a machine can write to the host, see its processes or outlive the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deployer.sandbox import machines as package
from deployer.sandbox.machines.isolation import linux
from tests.sandbox.machines.lab import Client, Lab, descendants, wait_for

pytestmark = pytest.mark.timeout(60)

_WRITE_EVERYWHERE = """
import os, sys
written = []
for top, directories, files in os.walk("/", followlinks=False):
    if top == "/":
        directories[:] = [d for d in directories if d not in ("proc", "sys", "dev")]
    if top.count("/") > 3:
        directories.clear()
    for path in (top, *(os.path.join(top, f) for f in files[:3])):
        if os.path.islink(path):
            continue
        try:
            if os.path.isdir(path):
                probe = os.path.join(path, ".written")
                os.close(os.open(probe, os.O_CREAT | os.O_WRONLY))
                os.unlink(probe)
            elif os.path.isfile(path):
                os.close(os.open(path, os.O_WRONLY))
            else:
                continue
        except OSError:
            continue
        written.append(path)
print("\\n".join(written))
"""
_OWN = ("/etc", "/srv", "/var", "/home", "/root", "/run", "/tmp", "/opt", "/usr/local")


def test_only_its_own_directories_can_be_written(client: Client) -> None:
    """A walk over the whole tree, as root, writes to nothing that is the host's."""
    done = client.run("sudo /usr/local/bin/python3 -", _WRITE_EVERYWHERE.encode())
    written = done.out.split("\n")
    assert done.code == 0, done
    mounts = client("cat /proc/mounts").splitlines()
    own = {line.split()[1] for line in mounts if "rw" in line.split()[3].split(",")}
    for path in filter(None, written):
        mount = next(str(p) for p in (Path(path), *Path(path).parents) if _is_mount(p, mounts))
        assert mount in own, path
    assert own <= {"/", "/proc", "/usr/local", "/usr/lib/systemd/system", "/run", "/dev"} | {
        "/dev/pts",
        "/dev/shm",
    }


def _is_mount(path: Path, mounts: list[str]) -> bool:
    return any(line.split()[1] == str(path) for line in mounts)


@pytest.mark.parametrize("directory", _OWN)
def test_its_own_directories_are_on_its_own_disk(client: Client, directory: str) -> None:
    """What a machine writes where a real one may write appears on no path of the host."""
    name = f"sandbox-probe-{os.getpid()}"
    client(f"sudo sh -c 'echo x > {directory}/{name}'")
    assert not Path(directory, name).exists()
    assert client(f"cat {directory}/{name}") == "x"


@pytest.mark.parametrize(
    "escape",
    [
        "mount -o remount,rw,bind /usr",
        "umount -l /usr",
        "umount -l /proc/sys",
        "unshare -rm sh -c 'mount -o remount,rw,bind /usr'",
        "unshare -rm umount /usr",
        "unshare -rmpf --mount-proc sh -c 'echo 1 > /proc/sys/vm/drop_caches'",
        "sh -c 'cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern'",
        "sh -c 'echo h > /proc/sysrq-trigger'",
        "chmod 666 /dev/null",
        "chmod 777 /usr",
        "touch /usr/bin/env",
        "mknod /srv/disk b 254 0",
        "nsenter -t 1 -m touch /usr/x",
        "ls /boot",
    ],
)
def test_the_ways_out_are_shut(client: Client, escape: str) -> None:
    """Not even root can undo what makes the host read-only."""
    assert client.run(f"sudo {escape}").code != 0


def test_the_hosts_processes_are_out_of_sight_and_reach(client: Client) -> None:
    """ps shows the machine's own few; the test's pid means nothing there."""
    pids = [int(word) for word in client("ps -e -o pid=").split()]
    assert pids[0] == 1
    assert len(pids) < 10
    assert client.run(f"sudo kill -9 {os.getpid()}").code != 0


def test_nothing_of_the_hosts_memory_is_inherited(client: Client) -> None:
    """Neither environment nor open files of whoever started the sandbox get in."""
    assert "never-in-a-machine" not in client("cat /proc/*/environ | tr '\\0' '\\n'; env")
    links = client("sudo sh -c 'readlink /proc/1/fd/*'").splitlines()
    # The last is its own: its /run is new at each boot.
    allowed = ("pipe:", "socket:", "anon_inode:", "/dev/null", "/run/sandbox.asks/bell")
    assert [link for link in links if not link.startswith(allowed)] == []


def test_machines_do_not_see_each_other(lab: Lab) -> None:
    """Killing by pattern in one machine spares the others' processes."""
    first, second = (lab.connect(lab.boot()) for _ in range(2))
    for client in (first, second):
        client("setsid sleep 4321 > /dev/null 2>&1 < /dev/null &")
    first("pkill -f 'sleep 4321'")
    assert second("pgrep -f '^sleep 4321'")
    assert first.run("pgrep -f '^sleep 4321'").code == 1


def test_an_images_symlinks_lead_nowhere_on_the_host(lab: Lab, tmp_path: Path) -> None:
    """A disk full of links to the host's paths boots, and makes nothing there."""
    machine = lab.boot()
    client = lab.connect(machine)
    client(
        f"sudo sh -ec 'mv /opt /opt.old; ln -s {tmp_path} /opt; mv /etc/ssl /etc/ssl.old; "
        f"ln -s {tmp_path} /etc/ssl; mv /srv /srv.old; ln -s {tmp_path}/srv /srv'"
    )
    copy = lab.image_of(machine)
    lab.boot(image=copy)
    assert list(tmp_path.iterdir()) == []


def test_what_a_machine_lacks_is_there(client: Client) -> None:
    """Python with psycopg, PostgreSQL's clients and the usual tools answer."""
    client("python3 -c 'import psycopg'; pg_dump --version; pg_restore --version; psql --version")
    client("flock /tmp/lock true; hostname; id; tar --version; curl --version || true")
    assert client("hostname -I") in client("cat /etc/hosts")


def test_owners_can_be_named(client: Client) -> None:
    """A machine has one uid; changing owners succeeds all the same, as on a real one."""
    client("sudo install -o www-data -g www-data -m 600 /etc/passwd /srv/file")
    client("sudo chown -R ubuntu:ubuntu /srv")
    client("sudo tar -C /srv -cf /tmp/a.tar --owner=1000 --group=1000 file")
    client("sudo tar -C /tmp -xpf /tmp/a.tar")
    assert client("stat -c %a /srv/file") == "600"


def test_the_death_of_pid_1_takes_everything_along(lab: Lab) -> None:
    """kill -9 from outside leaves no process of the machine, however it was detached."""
    machine = lab.boot()
    lab.connect(machine)("setsid nohup sleep 9876 > /dev/null 2>&1 < /dev/null &")
    daemon = _only("sleep", "9876")
    inits = [p for p in daemon.parents() if "fork_server" in " ".join(p.cmdline())]
    inits[0].kill()
    wait_for(lambda: not daemon.is_running())
    wait_for(lambda: not lab.machines.is_up(machine))
    assert not lab.machines.has_halted(machine)


_OWNER = """
import sys, time
from pathlib import Path
from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines import Machines
host = Machines(Path(sys.argv[1]))
host.create_base_image("ami-base")
data = b"#cloud-config\\nruncmd: ['setsid sleep 7654 & while ! pgrep sleep; do :; done']\\n"
host.create(BootSpec("i-1", "ami-base", sys.argv[2], data))
while b"finished" not in host.console("i-1"):
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("victim", ["host", "fork server"])
def test_a_killed_sandbox_leaves_no_process(directory: Path, lab: Lab, victim: str) -> None:
    """kill -9 of the host's process, or of the fork server, ends every machine."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(directory), lab.spec().address],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        assert any("7654" in process.cmdline() for process in family if _lives(process))
        target = owner.pid if victim == "host" else family[0].pid
        os.kill(target, signal.SIGKILL)
        wait_for(lambda: not any(_lives(process) for process in family))
    finally:
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()


def test_isolation_is_tried_out(tmp_path: Path) -> None:
    """Where these tests run there is no reason against machines."""
    assert package.isolation_available(tmp_path) is None


def test_an_ordinary_user_can_have_machines_too(directory: Path, lab: Lab) -> None:
    """No privilege is needed: the same from within a user namespace, as uid 1000."""
    child = os.fork()
    if child == 0:
        os._exit(_as_ordinary_user(directory, lab.spec().address))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _as_ordinary_user(directory: Path, address: str) -> int:
    """Without capabilities once it executes; 0 if a machine came up."""
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"1000 {uid} 1"),
        ("gid_map", f"1000 {gid} 1"),
    ):
        Path("/proc/self", name).write_text(text)
    # The console may say that it is finished before the host has heard that it is up.
    look = "while not host.is_up('i-1'): time.sleep(0.01)\nprint(True); host.shutdown()"
    script = _OWNER.replace("time.sleep(100)", look)
    done = subprocess.run(
        [sys.executable, "-c", script, str(directory), address], capture_output=True, check=False
    )
    return 0 if done.stdout.split() == [b"ready", b"True"] else 1


def _only(*words: str) -> psutil.Process:
    wait_for(lambda: bool(_with(words)))
    return _with(words)[0]


def _with(words: tuple[str, ...]) -> list[psutil.Process]:
    return [process for process, line in descendants() if line == list(words)]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
