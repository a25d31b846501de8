"""Passes over real folders: GNU find and tar, machines without SSH."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from deployer.provisioning.files.carry import Carried, CarrySessions, LiveListing, Pass
from deployer.provisioning.files.stream import Folder
from reconciler.errors import CommandFailed, ToolError
from reconciler.machine.shell import Command, Pipes
from tests.fakes.machine import FakeMachine

PHOTOS = "/srv/shop/photos"


@dataclass
class Machine(FakeMachine):
    """A machine on which something happens just before a command of a label runs, once."""

    meanwhile: dict[str, object] = field(default_factory=dict)

    def stream(self, command: Command, pipes: Pipes) -> None:
        act = self.meanwhile.pop(command.label.split()[0], None)
        if callable(act):
            act()
        super().stream(command, pipes)

    def put_file(self, name: str, text: str) -> Path:
        self.write(f"{PHOTOS}/{name}", text)
        return self.path(f"{PHOTOS}/{name}")

    def files(self) -> dict[str, str]:
        top = self.path(PHOTOS)
        return {
            str(one.relative_to(top)): one.read_text() for one in top.rglob("*") if one.is_file()
        }


@pytest.fixture
def live(tmp_path: Path) -> Machine:
    """Live, with a photo."""
    machine = Machine(tmp_path / "live")
    machine.put_file("1.jpg", "one")
    return machine


@pytest.fixture
def new(tmp_path: Path) -> Machine:
    """A new machine, as an image without photos would make it."""
    return Machine(tmp_path / "new", "i-0c1")


def passing(*live: Machine, new: tuple[Machine, ...], since: float = 0.0) -> Pass:
    """A first pass."""
    return Pass(CarrySessions(live, new), Folder(PHOTOS, 60), lambda _: None, None, since)


def after(earlier: Pass, listing: LiveListing) -> Pass:
    """The pass after that one."""
    return replace(earlier, before=listing)


def test_every_new_machine_gets_what_live_has(live: Machine, new: Machine, tmp_path: Path) -> None:
    """Also below folders that are not there yet; what was carried is counted."""
    other = Machine(tmp_path / "other", "i-0c2")
    live.put_file("2026/november/2.jpg", "two, longer")
    _, carried = passing(live, new=(new, other)).whole()
    assert new.files() == other.files() == live.files()
    assert carried == Carried(2, 14, 0)
    assert str(carried) == "2 files, 14 B"


def test_kinds_modes_times_and_names(live: Machine, new: Machine) -> None:
    """Links stay links, holes stay holes, modes and times are live's, and no name is an option."""
    folder = live.path(PHOTOS)
    (folder / "link").symlink_to("1.jpg")
    (folder / "dangling").symlink_to("/nowhere")
    live.put_file("-rf", "no option").chmod(0o640)
    live.put_file("two\nlines ü", "a name")
    (folder / "empty").mkdir(mode=0o750)
    with (folder / "sparse").open("wb") as file:
        file.truncate(8 << 20)
    os.utime(folder / "1.jpg", ns=(10**18 + 123456789, 10**18 + 123456789))
    passing(live, new=(new,)).whole()
    there = new.path(PHOTOS)
    assert (there / "link").readlink() == Path("1.jpg")
    assert (there / "dangling").readlink() == Path("/nowhere")
    assert (there / "-rf").stat().st_mode & 0o777 == 0o640
    assert (there / "empty").stat().st_mode & 0o777 == 0o750
    assert (there / "two\nlines ü").read_text() == "a name"
    assert (there / "1.jpg").stat().st_mtime_ns == 10**18 + 123456789
    assert (there / "sparse").stat().st_size == 8 << 20
    assert (there / "sparse").stat().st_blocks * 512 < 1 << 20


def test_nothing_is_sent_twice(live: Machine, new: Machine) -> None:
    """A pass that finds everything there only lists."""
    first = passing(live, new=(new,), since=float("inf"))
    listing, _ = first.whole()
    new.commands.clear()
    _, carried = after(first, listing).whole()
    assert carried == Carried()
    assert [one.label.split()[0] for one in new.commands] == ["list"]


def test_what_live_deletes_goes(live: Machine, new: Machine) -> None:
    """Folders too, and a link where live has a folder by now."""
    live.put_file("old/2.jpg", "two")
    (live.path(PHOTOS) / "moved").symlink_to("old")
    first = passing(live, new=(new,))
    listing, _ = first.whole()
    live.sh(f"rm -r {PHOTOS}/old {PHOTOS}/moved")
    live.put_file("moved/3.jpg", "three")
    _, carried = after(first, listing).whole()
    assert new.files() == {"1.jpg": "one", "moved/3.jpg": "three"}
    assert not (new.path(PHOTOS) / "moved").is_symlink()
    assert carried.removed == 3


def test_a_change_that_size_and_time_hide_is_found(live: Machine, new: Machine) -> None:
    """Programs may put a file's time back: live's own time of change tells."""
    photo = live.put_file("1.jpg", "one")
    first = passing(live, new=(new,), since=float("inf"))
    listing, _ = first.whole()
    before = photo.stat().st_mtime_ns
    photo.write_text("eno")
    os.utime(photo, ns=(before, before))
    after(first, listing).whole()
    assert new.files()["1.jpg"] == "eno"


def test_what_changed_since_the_image_is_sent_whatever_it_looks_like(
    live: Machine, new: Machine
) -> None:
    """An image is as a crash leaves it: a file of the right size and time may be empty in it."""
    photo, torn = live.put_file("1.jpg", "one"), new.put_file("1.jpg", "\0\0\0")
    os.utime(torn, ns=(photo.stat().st_mtime_ns,) * 2)
    passing(live, new=(new,), since=float("inf")).whole()
    assert new.files()["1.jpg"] == "\0\0\0"
    passing(live, new=(new,), since=photo.stat().st_ctime - 1).whole()
    assert new.files()["1.jpg"] == "one"


def test_a_file_that_changes_meanwhile_is_left_to_the_next_pass(
    live: Machine, new: Machine
) -> None:
    """One that goes, too, while it is packed; neither ends the pass."""
    live.put_file("2.jpg", "two")

    def disturb() -> None:
        live.put_file("1.jpg", "one, longer")
        live.path(f"{PHOTOS}/2.jpg").unlink()

    live.meanwhile["pack"] = disturb
    first = passing(live, new=(new,))
    listing, _ = first.whole()
    after(first, listing).whole()
    assert new.files() == {"1.jpg": "one, longer"}


def test_the_rest_leaves_what_the_new_machine_has_made(live: Machine, new: Machine) -> None:
    """A migration may have changed files there; only what live changed since goes there."""
    first = passing(live, new=(new,))
    live.put_file("2.jpg", "two")
    listing, _ = first.whole()
    new.put_file("thumbnails/1.jpg", "made by the migration")
    new.put_file("1.jpg", "converted")
    live.put_file("3.jpg", "three")
    live.path(f"{PHOTOS}/2.jpg").unlink()
    _, carried = after(first, listing).rest()
    assert new.files() == {
        "1.jpg": "converted",
        "3.jpg": "three",
        "thumbnails/1.jpg": "made by the migration",
    }
    assert (carried.files, carried.removed) == (1, 1)


def test_several_live_machines_are_merged(live: Machine, new: Machine, tmp_path: Path) -> None:
    """Each has what was uploaded to it; of two versions the newer one goes."""
    second = Machine(tmp_path / "second", "i-0a2")
    os.utime(live.put_file("both.jpg", "older"), (1_000, 1_000))
    second.put_file("both.jpg", "newer")
    second.put_file("2.jpg", "two")
    passing(live, second, new=(new,)).whole()
    assert new.files() == {"1.jpg": "one", "2.jpg": "two", "both.jpg": "newer"}


@pytest.mark.parametrize("first", [True, False])
def test_a_link_of_one_machine_leads_no_file_of_another_away(
    live: Machine, new: Machine, tmp_path: Path, *, first: bool
) -> None:
    """Unpacked after the link, a file below it would land wherever the link leads."""
    other, shared = Machine(tmp_path / "other", "i-0b2"), tmp_path / "shared"
    shared.mkdir()
    other.put_file("small/1.jpg", "of one machine")
    (live.path(PHOTOS) / "small").symlink_to(shared)
    both = (live, other) if first else (other, live)
    with pytest.raises(ToolError, match=r"small in .* is a folder on one machine of live"):
        passing(*both, new=(new,)).whole()
    assert not list(shared.iterdir())


def test_what_does_not_arrive_is_named(live: Machine, new: Machine) -> None:
    """The pass compares again: an archive that was unpacked without an error proves nothing."""
    listings = iter(range(3))

    def vanish() -> None:
        if next(listings):
            new.path(f"{PHOTOS}/1.jpg").unlink()
        else:
            new.meanwhile["list"] = vanish

    new.meanwhile["list"] = vanish
    with pytest.raises(ToolError, match="1 file of /srv/shop/photos could not be brought") as found:
        passing(live, new=(new,)).whole()
    assert found.value.detail == "./1.jpg"


def test_a_disk_that_is_too_small_is_refused(live: Machine, new: Machine) -> None:
    """Before anything is sent, with both numbers."""
    new.write("/bin/df", "#!/bin/sh\necho\necho disk 100000 30000 70000 1% /\n", 0o755)
    with (live.path(PHOTOS) / "film").open("wb") as file:
        file.truncate(10 << 20)
    with pytest.raises(ToolError, match="has 72 MB left, and 10 MB are to be carried"):
        passing(live, new=(new,)).whole()
    assert not new.path(PHOTOS).exists()


def test_the_machine_that_failed_is_the_one_reported(live: Machine, new: Machine) -> None:
    """The other end stops too, and does not hide the cause."""
    new.write("/bin/tar", "#!/bin/sh\necho disk is broken >&2; exit 2\n", 0o755)
    with pytest.raises(CommandFailed, match="unpack") as failed:
        passing(live, new=(new,)).whole()
    assert "disk is broken" in failed.value.detail
    live.write("/bin/tar", "#!/bin/sh\necho live is broken >&2; exit 2\n", 0o755)
    new.path("/bin/tar").unlink()
    with pytest.raises(CommandFailed, match="pack") as failed:
        passing(live, new=(new,)).whole()
    assert "live is broken" in failed.value.detail


def test_a_folder_that_live_lost_is_no_empty_one(live: Machine, new: Machine) -> None:
    """Unknown is not empty: nothing is removed on the new machine."""
    new.put_file("1.jpg", "one")
    live.sh(f"rm -r {PHOTOS}")
    with pytest.raises(CommandFailed, match="list /srv/shop/photos"):
        passing(live, new=(new,)).whole()
    assert new.files() == {"1.jpg": "one"}
