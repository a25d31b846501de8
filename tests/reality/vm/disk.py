"""The disk that virtual machines boot from: a Debian tree with a kernel, as an ext4 file system.

Tree and file system are cached below names that derive from what they are made of.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.sandbox.machines.container import image
from deployer.sandbox.machines.container.image import PACKAGES, Recipe
from reconciler.errors import Refused, ToolError

TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
}
"""What a virtual machine needs, and the Debian package that has it."""

_PACKAGES = (
    "ifupdown",
    "initramfs-tools",
    "isc-dhcp-client",
    "linux-image-cloud-amd64",
    "postgresql",
)
# Of the modules those that a release relies on: an emulated processor needs minutes for all.
_CLOUD = """\
datasource_list: [Ec2]
locale: false
manage_etc_hosts: localhost
cloud_init_modules: [bootcmd, write-files, set_hostname, update_etc_hosts, users-groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
system_info:
  default_user:
    name: ubuntu
    shell: /bin/bash
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
"""
_STEPS = (
    f'printf %s {shlex.quote(_CLOUD)} > "$1"/etc/cloud/cloud.cfg.d/90_sandbox.cfg',
    # With every driver the emulated processor unpacks for half a minute.
    'echo MODULES=list > "$1"/etc/initramfs-tools/conf.d/sandbox',
    'printf "virtio_pci\\nvirtio_blk\\next4\\n" >> "$1"/etc/initramfs-tools/modules',
    'chroot "$1" update-initramfs -u -k all',
    # No name is known there: whoever asks shall not wait for an answer.
    "sed -i 's/domain-name-servers,//' \"$1\"/etc/dhcp/dhclient.conf",
    # Tests that need the database start it; every other boot is shorter without it.
    'chroot "$1" systemctl disable postgresql e2scrub_reap',
)
_BYTES = "3G"


@dataclass(frozen=True)
class Base:
    """What a machine boots: its kernel, the first file system of that, and the disk."""

    tree: Path

    @property
    def disk(self) -> Path:
        """An ext4 file system, without a partition table."""
        return self.tree.with_suffix(".ext4")

    @property
    def kernel(self) -> Path:
        """The kernel of the tree."""
        return next(self.tree.glob("boot/vmlinuz-*"))

    @property
    def initrd(self) -> Path:
        """What that kernel starts with."""
        return next(self.tree.glob("boot/initrd.img-*"))


def require() -> None:
    """Raises Refused where a tool is missing, with the command that installs it."""
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise Refused(
            "tools that start a virtual machine are missing",
            cure=f"apt-get install {' '.join(missing)}",
        )


def recipe() -> Recipe:
    """What the tree is made of. Raises Refused where this system is not of Debian's kind."""
    return replace(image.this_system(), packages=(*PACKAGES, *_PACKAGES), steps=_STEPS)


def find() -> Base | None:
    """The disk, if it has been built."""
    tree = image.find(recipe())
    base = Base(tree) if tree else None
    return base if base and base.disk.exists() else None


def build(say: Callable[[str], None]) -> Base:
    """The disk, built now if it does not exist.

    Raises Refused where a tool is missing or this is not root, ToolError where packages cannot be
    had.
    """
    require()
    base = Base(image.build(recipe(), say))
    if not base.disk.exists():
        say("writing the tree to a file system")
        _write_file_system(base)
    return base


def _write_file_system(base: Base) -> None:
    partial = base.disk.with_name(f"{base.disk.name}.{os.getpid()}")
    # Lazy: tables that are not written now need not be in the file.
    options = "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0"
    command = ["mkfs.ext4", "-q", "-F", "-L", "root", "-d", str(base.tree), "-E", options]
    done = subprocess.run(
        [*command, str(partial), _BYTES], capture_output=True, text=True, check=False
    )
    if done.returncode:
        partial.unlink(missing_ok=True)
        raise ToolError(
            "the disk of a virtual machine was not written",
            detail=done.stderr,
            cure="free some space, and then the same again",
        )
    partial.rename(base.disk)
