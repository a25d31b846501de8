"""What virtual machines are made of, where none boots: probe, tools, firmware and network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container import image
from reconciler.errors import Refused
from tests.reality.vm import accelerator, disk, qemu

_SPEAKS = "print('[    0.0] Linux version 6.1', flush=True); import time; time.sleep(60)"


def test_a_kernel_that_speaks_boots() -> None:
    """Its first line is enough: the probe does not wait for more."""
    assert accelerator.boots([sys.executable, "-c", _SPEAKS], seconds=30)


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "print('no KVM')"])
def test_a_kernel_that_hangs_or_ends_does_not_boot(program: str) -> None:
    """`/dev/kvm` may open and then hang: silence until the limit is a no, and so is an end."""
    assert not accelerator.boots([sys.executable, "-c", program], seconds=1)


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each with the package that has it, in one command."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="tools that start a virtual machine are missing") as caught:
        disk.require()
    assert caught.value.cure == ("apt-get install e2fsprogs mmdebstrap qemu-system-x86 qemu-utils")


def test_a_tree_of_its_own() -> None:
    """Kernel and settings are part of its name: a change of them builds another one."""
    assert disk.recipe().name != image.this_system().name


def test_the_firmware_names_the_instance() -> None:
    """Board asset tag as on Nitro; a serial number by which cloud-init knows EC2."""
    words = " ".join(qemu.firmware("i-0abc"))
    assert "type=2,manufacturer=Amazon EC2,asset=i-0abc" in words
    assert "serial=ec2" in words


def test_the_guest_reaches_nothing_but_its_metadata() -> None:
    """No way out, and SSH listens on the machine's own address of the loopback network."""
    network = qemu.network(BootSpec("i-0abc", "ami-1", "127.70.0.4"), Path("/run/x"))
    assert "restrict=on" in network
    assert "guestfwd=tcp:169.254.169.254:80-cmd:" in network
    assert "hostfwd=tcp:127.70.0.4:2222-:22" in network
