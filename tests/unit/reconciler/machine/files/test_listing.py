"""What is carried is looked at before: real tools, a real folder, and what each may be instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.machine.files.listing import (
    check_script,
    mount_script,
    newer_script,
    problems,
    read_listing,
)
from tests.fakes.machine import FakeMachine

PHOTOS = "/srv/photos"
MARKER = "/var/lib/deployer/files-since"


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine with a folder of photos."""
    found = FakeMachine(tmp_path / "machine")
    found.write(f"{PHOTOS}/1.jpg", "one")
    return found


def checked(machine: FakeMachine, *folders: str) -> tuple[str, ...]:
    """What the check finds, with the machine's root taken out again."""
    done = machine.sh(check_script(folders or (PHOTOS,)))
    assert done.returncode == 0, done.stderr
    return tuple(one.replace(str(machine.root), "") for one in problems(done.stdout.decode()))


def test_a_folder_on_a_disk_of_its_own_machine_passes(machine: FakeMachine) -> None:
    """Nothing is said, and nothing is changed."""
    assert checked(machine) == ()


def test_what_is_no_folder_is_named(machine: FakeMachine) -> None:
    """A link would be carried as a link; a missing folder would look like an empty one."""
    machine.path("/srv/link").symlink_to(machine.path(PHOTOS))
    assert checked(machine, "/srv/link", "/srv/none") == (
        "/srv/link is a symbolic link: name the folder itself",
        "/srv/none is no folder there",
    )


def test_a_file_system_that_machines_share_is_refused(machine: FakeMachine) -> None:
    """There, live's own files would be replaced by older ones."""
    machine.write("/bin/stat", "#!/bin/sh\necho nfs\n", 0o755)
    assert checked(machine) == (
        "/srv/photos is on a file system of type nfs, which machines may share",
    )


def test_tools_of_another_kind_are_named(machine: FakeMachine) -> None:
    """Those of busybox know neither the times nor the options."""
    machine.write("/bin/tar", "#!/bin/sh\necho 'tar (busybox) 1.36'\n", 0o755)
    assert checked(machine) == ("tar is not GNU tar",)


def test_a_mount_below_is_named(machine: FakeMachine) -> None:
    """No pass goes into it, so its files would be missing."""
    script = check_script(("/dev",))
    assert "problem=/dev/pts is mounted below /dev: name it in carry by itself" in (
        machine.sh(script).stdout.decode()
    )


def test_what_is_newer_than_the_marker_is_counted(machine: FakeMachine) -> None:
    """A deletion shows in its folder; without a marker nothing is known."""

    def printed() -> str:
        return machine.sh(newer_script((PHOTOS,), MARKER)).stdout.decode().strip()

    assert printed() == "unknown"
    machine.write(f"{PHOTOS}/2.jpg", "two")
    machine.write(MARKER, "")
    assert printed() == ""
    machine.write(f"{PHOTOS}/2.jpg", "two, longer")
    assert printed() == "f"
    machine.path(f"{PHOTOS}/2.jpg").unlink()
    before = machine.path(PHOTOS).stat().st_ctime_ns - 1
    os.utime(machine.path(MARKER), ns=(before, before))
    assert printed() == "d"


def test_a_listing_is_read_whatever_the_names_are() -> None:
    """Names and targets end with a zero byte, and may hold anything else."""
    facts = b"l 7 1.5 2.5 777 0:0"
    found = read_listing(facts + b"\0./a b\nc\0../x y\0")
    assert found[b"./a b\nc"].target == b"../x y"
    assert read_listing(b"") == {}


@pytest.mark.parametrize("folder", [PHOTOS, f"{PHOTOS}/not/there/yet"])
def test_the_mount_is_that_of_the_folder_or_of_what_will_hold_it(
    machine: FakeMachine, folder: str
) -> None:
    """`df` is asked of what is nearest; what it says of the place is read, however wide."""
    says = 'echo Filesystem 1K Used Free Use% On; echo "/dev/nvme1n1  8 1 7  9% $2"'
    machine.write("/bin/df", f"#!/bin/sh\n{says}\n", 0o755)
    printed = machine.sh(mount_script(folder)).stdout.decode().strip()
    assert printed == str(machine.path(PHOTOS))
