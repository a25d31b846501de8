"""Code on its way to the machines: over real SSH, and unpacked under a real sh."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.provisioning.code_archive import CodeArchive, packed
from deployer.provisioning.code_upload import UploadPaths, install, ship, unpack_script
from reconciler.errors import CommandFailed, ConfigError, ToolError
from reconciler.machine import ssh
from tests.fakes.machine import FakeMachine
from tests.support.ssh_server import serving

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")


@pytest.fixture
def code(tmp_path: Path) -> Iterator[CodeArchive]:
    """A small release."""
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "app.py").write_text("new")
    (tree / "bin" / "install").write_text("#!/bin/sh\necho installing; cat app.py\n")
    (tree / "bin" / "install").chmod(0o755)
    with packed(tree) as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine with the release before."""
    machine = FakeMachine(tmp_path / "root")
    machine.write("/srv/shop/app.py", "old")
    machine.write("/srv/shop/gone.py", "old")
    machine.write("/srv/shop/.env", "SECRET=1")
    machine.path("/srv/shop").chmod(0o750)
    return machine


def tree_of(machine: FakeMachine, folder: str) -> dict[str, str]:
    """The files below a folder of the machine."""
    top = machine.path(folder)
    return {str(f.relative_to(top)): f.read_text() for f in top.rglob("*") if f.is_file()}


def unpack(machine: FakeMachine, code: CodeArchive, place: UploadPaths) -> None:
    """The machine's half of a transfer."""
    machine.put(code.archive, "/home/code.tar")
    done = machine.sh(unpack_script("/home/code.tar", place))
    if done.returncode:
        raise CommandFailed("unpack", status=done.returncode, detail=done.stderr.decode())


def test_the_new_tree_takes_the_old_ones_place(machine: FakeMachine, code: CodeArchive) -> None:
    """What the release has not is gone; mode kept; nothing lies about, the archive neither."""
    unpack(machine, code, UploadPaths("/srv/shop", "7kq2m"))
    assert set(tree_of(machine, "/srv/shop")) == {"app.py", "bin/install"}
    assert machine.read("/srv/shop/app.py") == "new"
    assert machine.path("/srv/shop").stat().st_mode & 0o777 == 0o750
    assert [entry.name for entry in machine.path("/srv").iterdir()] == ["shop"]
    assert list(machine.path("/home").iterdir()) == []


def test_what_is_kept_is_taken_over(machine: FakeMachine, code: CodeArchive) -> None:
    """Uploads or an env file below the code survive; what is not there is no error."""
    machine.write("/srv/shop/var/uploads/cat.jpg", "meow")
    place = UploadPaths("/srv/shop", "7kq2m", keep=(".env", "var/uploads", "not/there"))
    unpack(machine, code, place)
    found = tree_of(machine, "/srv/shop")
    assert found[".env"] == "SECRET=1"
    assert found["var/uploads/cat.jpg"] == "meow"
    assert "gone.py" not in found


def test_a_first_release_makes_the_folder(machine: FakeMachine, code: CodeArchive) -> None:
    """A base image has no old tree."""
    unpack(machine, code, UploadPaths("/srv/new/app", "7kq2m"))
    assert machine.read("/srv/new/app/app.py") == "new"


def test_a_broken_archive_leaves_the_old_tree(
    machine: FakeMachine, code: CodeArchive, tmp_path: Path
) -> None:
    """Unpacked aside: the switch comes only when all is there. Trying again works."""
    broken = tmp_path / "broken.tar"
    broken.write_bytes(code.archive.read_bytes()[:700])
    place = UploadPaths("/srv/shop", "7kq2m")
    with pytest.raises(CommandFailed):
        unpack(machine, CodeArchive(broken, "x", "", 700), place)
    assert machine.read("/srv/shop/app.py") == "old"
    unpack(machine, code, place)
    assert machine.read("/srv/shop/app.py") == "new"


def test_a_link_for_a_folder_is_refused(machine: FakeMachine, code: CodeArchive) -> None:
    """Renaming a link would leave the real folder untouched, and the app on the old code."""
    machine.path("/srv/current").symlink_to(machine.path("/srv/shop"))
    with pytest.raises(CommandFailed) as caught:
        unpack(machine, code, UploadPaths("/srv/current", "7kq2m"))
    assert "is a symbolic link" in caught.value.detail


@pytest.mark.parametrize(
    ("path", "word", "keep"),
    [
        ("/", "x", ()),
        ("/srv", "x", ()),
        ("srv/shop", "x", ()),
        ("/srv/../etc", "x", ()),
        ("/srv/shop", "a/b", ()),
        ("/srv/shop", "x", ("../x",)),
        ("/srv/shop", "x", ("/etc",)),
        ("/srv/shop", "x", (".",)),
    ],
)
def test_a_dangerous_place_is_refused(path: str, word: str, keep: tuple[str, ...]) -> None:
    """The old tree at that path is removed: it must be a folder of its own."""
    with pytest.raises(ConfigError):
        UploadPaths(path, word, keep)


def test_two_machines_over_ssh(tmp_path: Path, code: CodeArchive) -> None:
    """Shipped side by side, installed in the code's folder, progress summed over both."""
    steps: list[tuple[int, int]] = []
    said: list[bytes] = []
    with serving(tmp_path / "a") as one, serving(tmp_path / "b") as two:
        shells = [ssh.connect(s.target, s.host_key.public, s.client) for s in (one, two)]
        for shell, server in zip(shells, (one, two), strict=True):
            place = UploadPaths(f"{server.home}/srv/shop", "7kq2m")
            ship([shell], code, place)
            install([shell], place.path, ["./bin/install"], lambda _: 30.0, said.append)
        place = UploadPaths(str(tmp_path / "same" / "shop"), "7kq2m")
        ship(shells[:1], code, place, lambda *step: steps.append(step))
        for shell in shells:
            shell.close()
    assert b"".join(said) == b"installing\nnewinstalling\nnew"
    assert steps[-1] == (code.size, code.size)
    assert Path(place.path, "app.py").read_text() == "new"


def test_progress_counts_all_machines(tmp_path: Path, code: CodeArchive) -> None:
    """Bytes done and in all are those of every machine together, and never go back."""
    steps: list[tuple[int, int]] = []
    with serving(tmp_path / "a") as one, serving(tmp_path / "b") as two:
        shells = [ssh.connect(s.target, s.host_key.public, s.client) for s in (one, two)]
        (tmp_path / "file").write_text("")  # where neither can make its folder
        with pytest.raises(CommandFailed):
            ship(shells, code, UploadPaths(f"{tmp_path}/file/x", "w"), lambda *s: steps.append(s))
        for shell in shells:
            shell.close()
    assert steps[-1] == (2 * code.size, 2 * code.size)
    assert steps == sorted(steps)


def test_an_upload_ends_at_its_limit(tmp_path: Path, code: CodeArchive) -> None:
    """`limits.upload` ends the copies, names itself, and nothing half-way takes the name."""
    with serving(tmp_path / "a") as server:
        shell = ssh.connect(server.target, server.host_key.public, server.client)
        with pytest.raises(ToolError, match="was not uploaded within 0s") as caught:
            ship([shell], code, UploadPaths(f"{server.home}/srv/shop", "7kq2m"), limit=0.0)
        shell.close()
    assert "limits.upload" in caught.value.cure
    assert list(Path(server.home).glob(".deployer-*")) == []


def test_a_failing_install_names_the_command(machine: FakeMachine) -> None:
    """The commands run in order in the folder, and the first failure ends it."""
    with pytest.raises(CommandFailed, match="install `false` on") as caught:
        install([machine], "/srv/shop", ["cat app.py", "false", "touch never"], lambda _: 5.0)
    assert caught.value.status == 1
    assert not machine.path("/srv/shop/never").exists()
    assert [command.timeout for command in machine.commands] == [5.0, 5.0]


def test_the_archive_holds_what_the_code_says(code: CodeArchive) -> None:
    """The digest is of the very file that is shipped."""
    with tarfile.open(code.archive) as tar:
        assert sorted(tar.getnames()) == ["app.py", "bin", "bin/install"]
