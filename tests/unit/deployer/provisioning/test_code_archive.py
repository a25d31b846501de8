"""What is shipped: from git, a directory, an archive; and what is never shipped."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.provisioning.code_archive import packed
from reconciler.errors import ConfigError

GIT_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.test",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.test",
}


def git(where: Path, *words: str) -> None:
    """Run git with nobody's configuration."""
    subprocess.run(
        ["git", *words], cwd=where, check=True, capture_output=True, env=os.environ | GIT_ENV
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the tag v1, a commit after it, and a change that is not committed."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    (root / "app.py").write_text("one")
    (root / "bin").mkdir()
    (root / "bin" / "install").write_text("#!/bin/sh\n")
    (root / "bin" / "install").chmod(0o755)
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    git(root, "tag", "v1")
    (root / "app.py").write_text("two")
    git(root, "commit", "-qam", "two")
    (root / "app.py").write_text("not committed")
    return root


def contents(archive: Path) -> dict[str, str]:
    """The files of a tar archive."""
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read().decode() for name, file in files.items() if file}


def archive_of(path: Path, *members: tarfile.TarInfo) -> Path:
    """A tar file with these entries, well-meant or not."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """One entry."""
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = link
    member.size = 1 if kind == tarfile.REGTYPE else 0
    return member


def link(name: str, target: str) -> tarfile.TarInfo:
    """A symbolic link."""
    return entry(name, tarfile.SYMTYPE, target)


def test_a_git_source_is_the_tree_of_the_ref(checkout: Path) -> None:
    """What is not committed is not released; the release is called as git describe says."""
    with packed(checkout, "v1") as code:
        assert code.release == "v1"
        assert contents(code.archive) == {"app.py": "one", "bin/install": "#!/bin/sh\n"}
        assert code.size == code.archive.stat().st_size
    with packed(checkout) as code:
        assert code.release.startswith("v1-1-g")
        assert contents(code.archive)["app.py"] == "two"
    assert not code.archive.exists()


def test_a_folder_of_a_checkout_is_that_folder(checkout: Path) -> None:
    """`source = "bin"` ships what lies below it."""
    with packed(checkout / "bin") as code:
        assert contents(code.archive) == {"install": "#!/bin/sh\n"}


def test_a_build_result_below_a_checkout_is_a_directory(checkout: Path) -> None:
    """Git does not track it: `git archive` would ship nothing."""
    (checkout / "dist").mkdir()
    (checkout / "dist" / "app.js").write_text("built")
    with packed(checkout / "dist") as code:
        assert contents(code.archive) == {"app.js": "built"}
        assert code.release == f"sha256-{code.digest[:12]}"


@pytest.mark.parametrize("ref", ["v9", "--output=/x", "v1:app.py"])
def test_an_unknown_ref_is_refused(checkout: Path, ref: str) -> None:
    """A name that is no commit, an option, or a file of a commit."""
    with pytest.raises(ConfigError, match="has no commit"), packed(checkout, ref):
        pass


def test_a_directory_is_packed_whole_and_the_same_every_time(tmp_path: Path) -> None:
    """Modes, links and empty folders included; equal trees give equal digests."""
    tree = tmp_path / "tree"
    (tree / "empty").mkdir(parents=True)
    (tree / "run").write_text("x")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("run")
    with packed(tree) as first, packed(tree) as second:
        assert first.digest == second.digest
        with tarfile.open(first.archive) as tar:
            found = {member.name: (member.mode & 0o777, member.linkname) for member in tar}
    assert found["run"] == (0o755, "")
    assert found["link"][1] == "run"
    assert "empty" in found


def test_an_archive_is_written_anew(tmp_path: Path) -> None:
    """Its name without the ending is the release; what is shipped has the same files and modes."""
    path = tmp_path / "shop-1.5.0.tar.gz"
    program, shared = entry("bin/run"), entry("bin", tarfile.DIRTYPE)
    program.mode, shared.mode = 0o755, 0o2775
    with tarfile.open(path, "w:gz") as tar:
        for member in (shared, program, link("current", "bin")):
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    with packed(path) as code:
        assert code.release == "shop-1.5.0"
        assert code.archive != path
        with tarfile.open(code.archive) as tar:
            assert [(one.name, one.mode) for one in tar][:2] == [("bin", 0o775), ("bin/run", 0o755)]
        assert contents(code.archive) == {"bin/run": "x"}
    assert path.exists()


def test_a_sparse_file_is_shipped_whole(tmp_path: Path) -> None:
    """GNU tar's formats for files with holes are read, and written as ordinary files."""
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "holes").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    for form in ("gnu", "posix"):
        path = tmp_path / f"{form}.tar"
        words = ["tar", "-S", f"--format={form}", "-cf", str(path), "-C", str(tmp_path / "tree")]
        subprocess.run([*words, "."], check=True)
        with packed(path) as code:
            assert contents(code.archive)["./holes"] == "\0" * (1 << 20) + "end"


def test_entries_behind_a_broken_header_are_not_shipped(tmp_path: Path) -> None:
    """GNU tar skips a broken header and unpacks what comes after it; Python's tar ends there."""
    path = archive_of(tmp_path / "evil.tar", entry("app.py"), entry("broken"), entry("../escape"))
    data = bytearray(path.read_bytes())
    data[1024 + 148 : 1024 + 156] = b"7777777\0"  # the checksum of the second entry's header
    path.write_bytes(data)
    listed = subprocess.run(["tar", "-tf", path], capture_output=True, text=True, check=False)
    assert "../escape" in listed.stdout
    with pytest.raises(ConfigError, match=r"evil\.tar .* damaged"), packed(path):
        pass


def test_what_is_behind_the_end_of_an_archive_is_not_shipped(tmp_path: Path) -> None:
    """Bytes after the end mark are entries for a program that ignores the mark."""
    hidden = archive_of(tmp_path / "hidden.tar", entry("hidden")).read_bytes()
    path = archive_of(tmp_path / "good.tar", entry("app.py"))
    path.write_bytes(path.read_bytes() + hidden)
    with packed(path) as code:
        assert b"hidden" not in code.archive.read_bytes()


@pytest.mark.parametrize("bit", [0o4755, 0o2755])
def test_a_setuid_file_is_refused(tmp_path: Path, bit: int) -> None:
    """The machine unpacks as root: such a file would give its rights to every user there."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "tool").touch()
    (tmp_path / "tree" / "tool").chmod(bit)
    with pytest.raises(ConfigError, match="setuid or setgid file: tool"), packed(tmp_path / "tree"):
        pass


@pytest.mark.parametrize("make", [Path.exists, lambda path: path.write_text("PK zip")])
def test_no_source_or_no_archive_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """A missing path and a file that is no tar file are both configuration errors."""
    make(tmp_path / "code.zip")
    with pytest.raises(ConfigError, match=r"code\.zip"), packed(tmp_path / "code.zip"):
        pass


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([entry("/etc/passwd")], "absolute name: /etc/passwd"),
        ([entry("a/../../x")], r"climbs with \.\.: a/\.\./\.\./x"),
        ([link("l", "/etc")], "leads out of the root by a link: l"),
        ([link("a/l", "../../x")], "leads out of the root by a link: a/l"),
        ([link("l", ".."), entry("l/x")], "leads out of the root by a link: l"),
        ([entry("h", tarfile.LNKTYPE, "../x")], "a link out of the root: h"),
        ([entry("h", tarfile.LNKTYPE, "/etc/shadow")], "a link out of the root: h"),
        ([entry("null", tarfile.CHRTYPE)], "a device or a pipe: null"),
        ([entry("pipe", tarfile.FIFOTYPE)], "a device or a pipe: pipe"),
        ([link("l", "l")], "leads out of the root by a link: l"),
        ([link("l", "a"), link("./l", "b")], "two links of one name"),
        # In the text it stays inside; but c is the top's child, so that .. .. .. climbs out.
        ([link("a/b/c", "../../s"), link("l", "a/b/c/../..")], "by a link: l"),
    ],
)
def test_an_entry_that_leaves_the_root_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo], why: str
) -> None:
    """The machine unpacks as root: the entry is named, nothing is shipped."""
    with pytest.raises(ConfigError, match=why), packed(archive_of(tmp_path / "e.tar", *members)):
        pass


@pytest.mark.parametrize(
    "members",
    [
        [entry("a/b"), link("a/l", "../c"), entry("c")],
        [link("current", "releases/1"), entry("releases/1/app")],
        [entry("a"), entry("h", tarfile.LNKTYPE, "a")],
        [entry("..a/b.."), entry("./x")],
    ],
)
def test_links_that_stay_inside_are_fine(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    """Ordinary trees have links."""
    with packed(archive_of(tmp_path / "good.tar", *members)) as code:
        assert len(contents(code.archive)) == sum(member.isreg() for member in members)


def test_a_killed_release_leaves_no_file(tmp_path: Path) -> None:
    """The packed code never has a name in a folder, so not even SIGKILL leaves it behind."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "app.py").write_text("new")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from deployer.provisioning.code_archive import packed\n"
        "with packed(Path(sys.argv[1])) as code:\n"
        "    assert code.archive.read_bytes()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(source)],
        env={**os.environ, "TMPDIR": str(scratch)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert list(scratch.iterdir()) == []


def test_changes_that_are_left_out_are_counted(checkout: Path) -> None:
    """What is checked out is released without them; another ref has nothing to do with them."""
    (checkout / "new.py").write_text("untracked")
    with packed(checkout) as code:
        assert code.uncommitted == 2
    with packed(checkout, "v1") as code:
        assert code.uncommitted == 0


POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def _lfs(root: Path) -> None:
    (root / "model.bin").write_text(POINTER)


def _submodule(root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "lib.py").write_text("lib")
    git(other, "add", ".")
    git(other, "commit", "-qm", "lib")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "vendor")


@pytest.mark.parametrize(
    ("strike", "says", "cure"),
    [
        (_lfs, "Git LFS pointers in place of files: model.bin", "git lfs fetch"),
        (_submodule, "submodules, which git archive leaves out: vendor", "recurse-submodules"),
    ],
)
def test_what_git_would_leave_out_is_refused(
    checkout: Path, strike: Callable[[Path], None], says: str, cure: str
) -> None:
    """A pointer or an empty folder would be found by the app, when it is live."""
    strike(checkout)
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "three")
    with pytest.raises(ConfigError, match=says) as refused, packed(checkout):
        pass
    assert cure in refused.value.cure
    with packed(checkout, "v1") as code:
        assert code.release == "v1"


def test_a_directory_with_its_submodules_is_shipped(tmp_path: Path) -> None:
    """As the cure says; one that is empty there is refused as well."""
    root = tmp_path / "build"
    (root / "vendor").mkdir(parents=True)
    (root / ".gitmodules").write_text('[submodule "vendor"]\n\tpath = vendor\n\turl = ../x\n')
    with pytest.raises(ConfigError, match="leaves out: vendor"), packed(root):
        pass
    (root / "vendor" / "lib.py").write_text("lib")
    with packed(root) as code:
        assert contents(code.archive)["vendor/lib.py"] == "lib"


def test_what_is_exported_without_them_is_shipped(checkout: Path) -> None:
    """`export-ignore` is the repository's word that they are not needed."""
    _lfs(checkout)
    _submodule(checkout)
    (checkout / ".gitattributes").write_text("model.bin export-ignore\nvendor export-ignore\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "three")
    with packed(checkout) as code:
        assert "model.bin" not in contents(code.archive)
