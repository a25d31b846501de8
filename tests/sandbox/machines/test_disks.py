"""Disks are copied whole, and removed whatever was done to them."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from deployer.sandbox.machines.disk import copies


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A small disk."""
    made = tmp_path / "disk"
    (made / "srv/deep").mkdir(parents=True)
    (made / "srv/deep/file").write_text("content")
    return made


def test_modes_times_and_links_are_kept(disk: Path, tmp_path: Path) -> None:
    """A copy looks like the original."""
    file = disk / "srv/deep/file"
    file.chmod(0o4640)
    os.utime(file, ns=(1_000_000_001, 2_000_000_002))
    (disk / "srv/hard").hardlink_to(file)
    (disk / "srv/soft").symlink_to("/etc/passwd")
    (disk / "srv/deep").chmod(0o550)
    copies.copy_disk(disk, tmp_path / "copy")
    copy = tmp_path / "copy/srv/deep/file"
    look = copy.stat()
    assert (stat.S_IMODE(look.st_mode), look.st_mtime_ns) == (0o4640, 2_000_000_002)
    assert copy.samefile(tmp_path / "copy/srv/hard")
    assert (tmp_path / "copy/srv/soft").readlink() == Path("/etc/passwd")
    assert stat.S_IMODE((tmp_path / "copy/srv/deep").stat().st_mode) == 0o550
    assert not copy.samefile(file)


def test_what_belongs_to_a_running_system_stays_behind(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/run and /tmp come empty; sockets and FIFOs are left out; /srv/tmp is a plain directory."""
    for name in ("run", "tmp", "srv/tmp"):
        (disk / name).mkdir()
        (disk / name / "x").touch()
    os.mkfifo(disk / "srv/fifo")
    with socket.socket(socket.AF_UNIX) as door:
        monkeypatch.chdir(disk / "srv")  # a socket's name must be short
        door.bind("socket")
        copies.copy_disk(disk, tmp_path / "copy")
    found = {str(p.relative_to(tmp_path / "copy")) for p in (tmp_path / "copy").rglob("*")}
    assert found == {"run", "tmp", "srv", "srv/tmp", "srv/tmp/x", "srv/deep", "srv/deep/file"}


def test_a_copy_of_a_busy_disk_ends(disk: Path, tmp_path: Path) -> None:
    """Files that come and go meanwhile are left out or in, and harm nothing."""
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(50):
                (disk / f"srv/{number}").mkdir(exist_ok=True)
                (disk / f"srv/{number}/x").write_text("x")
            for number in range(50):
                (disk / f"srv/{number}/x").unlink()
                (disk / f"srv/{number}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for number in range(20):
            copies.copy_disk(disk, tmp_path / f"copy{number}")
            assert (tmp_path / f"copy{number}/srv/deep/file").read_text() == "content"
    finally:
        stop.set()
        thread.join()


def test_a_copy_that_fails_is_not_there(tmp_path: Path) -> None:
    """`target` appears only when it is complete."""
    with pytest.raises(FileNotFoundError):
        copies.copy_disk(tmp_path / "none", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_removing_follows_no_link_and_minds_no_mode(disk: Path, tmp_path: Path) -> None:
    """What a link points to stays; twice is harmless."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    (disk / "link").symlink_to(tmp_path / "outside")
    (disk / "srv/deep").chmod(0)
    copies.remove_tree(disk)
    copies.remove_tree(disk)
    assert not disk.exists()
    assert (tmp_path / "outside/file").exists()
