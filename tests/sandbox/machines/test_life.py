"""Machines are made, copied, stopped, started and ended as `MachineHost` promises."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from deployer.sandbox.machine_host import BootSpec, MachineHost
from deployer.sandbox.machines import Machines
from reconciler.errors import Refused, ToolError
from tests.sandbox.machines.lab import BASE, Key, Lab, descendants, wait_for

pytestmark = pytest.mark.timeout(60)


def test_it_is_a_machine_host(machines: Machines) -> None:
    """The class is what the sandbox's API asks for."""
    host: MachineHost = machines
    assert host.has_image(BASE)
    assert host.image_ready(BASE)


def test_a_copy_has_the_disk_and_another_host_key(lab: Lab) -> None:
    """An image holds what was written; the clone makes its own key and knows its own id."""
    machine = lab.boot()
    lab.connect(machine)("sudo sh -c 'echo data > /srv/data; chmod 640 /srv/data'")
    clone = lab.boot(image=lab.image_of(machine))
    client = lab.connect(clone)
    assert client("cat /srv/data; stat -c %a /srv/data") == "data\n640"
    assert client("cat /var/lib/cloud/data/instance-id") == clone
    assert lab.host_key(clone) != lab.host_key(machine)


def test_a_machine_and_its_copy_do_not_share_a_disk(lab: Lab) -> None:
    """What the original writes after the image was taken is not in the clone."""
    machine = lab.boot()
    image = lab.image_of(machine)
    lab.connect(machine)("echo late > late")
    assert lab.connect(lab.boot(image=image)).run("cat late").code == 1


def test_run_and_tmp_are_not_copied(lab: Lab) -> None:
    """What lives for one boot only is in no image, and gone after the next boot."""
    machine = lab.boot()
    lab.connect(machine)("touch /tmp/x; sudo touch /run/x")
    client = lab.connect(lab.boot(image=lab.image_of(machine)))
    assert client.run("ls /tmp/x").code != 0
    lab.machines.reboot(machine)
    lab.await_up(machine)
    assert lab.connect(machine).run("ls /tmp/x /run/x").out == ""


def test_stop_and_start_keep_disk_and_key(lab: Lab) -> None:
    """A stopped machine is silent; started again it is the same one."""
    machine = lab.boot(
        "#cloud-config\nbootcmd: [echo boot >> /boots]\nruncmd: [echo run >> /runs]\n"
    )
    key = lab.host_key(machine)
    lab.connect(machine)("echo kept > kept")
    lab.machines.stop(machine)
    assert not lab.machines.is_up(machine)
    with pytest.raises((OSError, paramiko.SSHException)):
        lab.connect(machine)
    lab.machines.start(machine)
    lab.await_up(machine)
    wait_for(lambda: lab.machines.console(machine).count(b"finished") == 2)
    assert lab.host_key(machine) == key
    assert lab.connect(machine)("cat kept /boots /runs") == "kept\nboot\nboot\nrun"


@pytest.mark.parametrize(
    "command", ["shutdown -h now", "poweroff", "systemctl poweroff", "halt", "shutdown now"]
)
def test_a_machine_can_halt_itself(lab: Lab, command: str) -> None:
    """Its own shutdown is seen as such; whoever ordered it gets an answer; it can start again."""
    machine = lab.boot()
    assert lab.connect(machine).run(f"sudo -n {command}").code == 0
    wait_for(lambda: lab.machines.has_halted(machine))
    assert not lab.machines.is_up(machine)
    lab.machines.start(machine)
    lab.await_up(machine)
    assert not lab.machines.has_halted(machine)


def test_a_stop_from_outside_is_no_halt(lab: Lab) -> None:
    """Only the machine's own shutdown counts as one."""
    machine = lab.boot()
    lab.machines.stop(machine)
    assert not lab.machines.has_halted(machine)


def test_a_machine_can_reboot_itself(lab: Lab) -> None:
    """`reboot` inside ends in a machine that is up again."""
    machine = lab.boot()
    lab.connect(machine).run("sudo reboot")
    wait_for(lambda: lab.machines.console(machine).count(b"sshd: listening") == 2)
    lab.await_up(machine)
    assert lab.connect(machine)("whoami") == "ubuntu"


def test_terminate_removes_processes_and_disk(lab: Lab, machines: Machines) -> None:
    """Nothing is left, and a second time is harmless."""
    machine = lab.boot()
    lab.connect(machine)("setsid sleep 5544 > /dev/null 2>&1 < /dev/null &")
    machines.terminate(machine)
    machines.terminate(machine)
    assert not [process for process, words in descendants() if "5544" in words]
    assert not machines.is_up(machine)
    with pytest.raises(Refused, match="no machine"):
        machines.console(machine)


def test_a_machine_killed_while_it_boots_is_gone(lab: Lab) -> None:
    """Terminating at once, copy or boot under way, leaves nothing that comes up later."""
    spec = lab.spec("#cloud-config\nbootcmd: [sleep 100]\n")
    lab.create(spec)
    lab.machines.terminate(spec.instance_id)
    again = lab.boot()
    assert lab.machines.is_up(again)
    assert not lab.machines.is_up(spec.instance_id)


def test_what_cannot_be_is_refused(lab: Lab, machines: Machines) -> None:
    """Unknown images and machines, and names taken, are errors in words."""
    machine = lab.boot()
    with pytest.raises(Refused, match="ami-none"):
        machines.create(lab.spec(image="ami-none"))
    with pytest.raises(Refused, match="already"):
        machines.copy_disk(machine, BASE)
    with pytest.raises(Refused, match="no machine i-none"):
        machines.start("i-none")
    assert not machines.has_image("ami-none")
    assert not machines.has_image("../images")
    with pytest.raises(Refused, match="is no id"):
        machines.drop_image("../images")
    machines.drop_image("ami-none")


def test_a_dropped_image_is_gone(lab: Lab, machines: Machines) -> None:
    """Dropping ends a copy under way as well, and machines made from it live on."""
    machine = lab.boot()
    image = lab.image_of(machine)
    clone = lab.boot(image=image)
    machines.drop_image(image)
    assert not machines.has_image(image)
    assert lab.connect(clone)("whoami") == "ubuntu"


def test_reset_leaves_the_images_to_keep(directory: Path, lab: Lab) -> None:
    """Every machine and every other image goes, and life goes on at the same addresses."""
    host = Machines(directory)
    try:
        host.create_base_image(BASE)
        specs = [lab.spec() for _ in range(4)]
        for spec in specs:
            host.create(spec)
        wait_for(lambda: all(host.is_up(spec.instance_id) for spec in specs))
        host.copy_disk(specs[0].instance_id, "ami-copy")
        host.reset(frozenset({BASE}))
        assert not any(host.is_up(spec.instance_id) for spec in specs)
        assert (host.has_image(BASE), host.has_image("ami-copy")) == (True, False)
        host.create(specs[0])
        wait_for(lambda: host.is_up(specs[0].instance_id))
    finally:
        host.shutdown()


def test_shutdown_leaves_nothing_behind(directory: Path, lab: Lab) -> None:
    """No process and no mount survives; twice is harmless; later calls say what is wrong."""
    host = Machines(directory)
    host.create_base_image(BASE)
    spec = lab.spec()
    host.create(spec)
    wait_for(lambda: host.is_up(spec.instance_id))
    host.shutdown()
    host.shutdown()
    assert str(directory) not in Path("/proc/mounts").read_text()
    assert not [one for one, words in descendants() if str(directory) in " ".join(words)]
    assert not host.is_up(spec.instance_id)
    with pytest.raises(ToolError, match="gone"):
        host.start(spec.instance_id)


def test_images_outlive_the_host(directory: Path, lab: Lab) -> None:
    """A second host over the same directory boots from the first one's images."""
    first = Machines(directory)
    first.create_base_image(BASE)
    first.shutdown()
    second = Machines(directory)
    try:
        assert second.image_ready(BASE)
        spec = lab.spec()
        second.create(spec)
        wait_for(lambda: second.is_up(spec.instance_id))
    finally:
        second.shutdown()


def test_what_a_crash_left_half_done_is_cleared_away(directory: Path) -> None:
    """Half an image is none; disks of machines that nobody runs any more go."""
    (directory / "images/ami-half/disk.partial").mkdir(parents=True)
    (directory / "instances/i-old/disk").mkdir(parents=True)
    host = Machines(directory)
    try:
        assert not host.has_image("ami-half")
        assert list((directory / "instances").iterdir()) == []
        wait_for(lambda: not list((directory / "trash").iterdir()))
    finally:
        host.shutdown()


def test_another_port_and_login(directory: Path, lab: Lab, key: Key) -> None:
    """Port and login user are the host's choice."""
    host = Machines(directory, ssh_port=2244, login="admin")
    try:
        host.create_base_image(BASE)
        spec = lab.spec()
        host.create(BootSpec("i-1", BASE, spec.address, authorized_keys=(key.public,)))
        wait_for(lambda: host.is_up("i-1"))
        ssh = paramiko.SSHClient()
        ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 -- not the point here
        ssh.connect(spec.address, 2244, "admin", pkey=key.paramiko(), look_for_keys=False)
        assert ssh.exec_command("pwd")[1].read() == b"/home/admin\n"
        ssh.close()
    finally:
        host.shutdown()


def test_an_extra_directory_is_seen_read_only(directory: Path, lab: Lab, tmp_path: Path) -> None:
    """`extra_ro_binds` stand at their own paths and cannot be written to."""
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown/file").write_text("seen")
    host = Machines(directory, extra_ro_binds=(tmp_path / "shown",))
    try:
        host.create_base_image(BASE)
        data = f"#cloud-config\nruncmd: ['cat {tmp_path}/shown/file', 'touch {tmp_path}/shown/x']\n"
        spec = lab.spec(data)
        host.create(spec)
        wait_for(lambda: b"finished" in host.console(spec.instance_id))
        assert b"seen" in host.console(spec.instance_id)
        assert b"Read-only" in host.console(spec.instance_id)
    finally:
        host.shutdown()
