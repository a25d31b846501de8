"""Packs the code: one tar file with a name and a digest, from git, a directory or an archive.

Packed before any other step, so that code that cannot be packed stops a release that has not begun.
Every entry is checked before a machine unpacks it as root, and what is shipped is written anew from
the entries that were checked: another program may find entries in a damaged archive that this one
does not see.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import stat
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from deployer.provisioning.code_gaps import refuse_gaps
from reconciler.errors import ConfigError

_MAX_HOPS = 40  # as in Linux: a path with more links counts as a loop
_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class CodeArchive:
    """A tar file, written from checked entries, and its release name.

    `release` is `git describe`, the archive's name, or the digest's beginning; `digest` is the
    SHA-256 of the file in hex; `size` its bytes. `uncommitted` counts the files of a checkout whose
    changes are not in it, although what is checked out is released.
    """

    archive: Path
    release: str
    digest: str
    size: int
    uncommitted: int = 0


@contextlib.contextmanager
def packed(source: Path, ref: str = "HEAD") -> Iterator[CodeArchive]:
    """The code of `source`, as long as the context is open.

    In a git checkout: the tree of `ref`, without uncommitted changes. Raises ConfigError if the
    source or ref does not exist, or if an entry would leave the root.
    """
    with _scratch() as target:
        if source.is_file():
            yield _rebuilt(source, target, _stem(source), ())
            return
        if not source.is_dir():
            raise ConfigError(
                f"code.source {source} does not exist",
                cure="correct source below [code] in the file of the service: a relative path "
                "begins at that file",
            )
        release, uncommitted = "", 0
        submodules: tuple[str, ...] = ()
        with _scratch() as found:
            if commit := _commit(source, ref):
                _archive(source, commit, found)
                uncommitted = _uncommitted(source, commit)
                submodules = _submodules(source, commit)
                release = _git(source, "describe", "--tags", "--always", commit)
            else:
                _pack_directory(source, found)
            code = _rebuilt(found, target, release, submodules)
        yield replace(code, uncommitted=uncommitted)


def _rebuilt(archive: Path, target: Path, release: str, submodules: tuple[str, ...]) -> CodeArchive:
    """Write the checked entries of `archive`, and nothing else of it, to `target`."""
    try:
        with tarfile.open(archive) as found:
            members = found.getmembers()
            check_entries(members)
            _refuse_damaged(found)
            refuse_gaps(found, submodules)
            _write(found, members, target)
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ConfigError(f"{archive.name} is not a tar archive: {error}") from error
    digest = _digest(target)
    return CodeArchive(target, release or f"sha256-{digest[:12]}", digest, target.stat().st_size)


def _write(found: tarfile.TarFile, members: Iterable[tarfile.TarInfo], target: Path) -> None:
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            content = found.extractfile(member) if member.isfile() else None
            tar.addfile(_plain(member), content)


def _refuse_damaged(found: tarfile.TarFile) -> None:
    """Refuse an archive whose list of entries ends before its end: the rest would be missing."""
    file = found.fileobj
    if file is not None:
        file.seek(found.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"damaged at byte {found.offset}; make it anew")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry with a fixed owner and without the bits that give a program another user's rights.

    `check_entries` refuses files with these bits; on a folder they are a habit of shared checkouts.
    """
    plain = tarfile.TarInfo(member.name)
    plain.type = tarfile.REGTYPE if member.isfile() else member.type
    plain.mode, plain.mtime = member.mode & 0o777, member.mtime
    plain.size = member.size if member.isfile() else 0
    plain.linkname = member.linkname
    plain.uname = plain.gname = "root"
    return plain


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary file that disappears with this process, however it ends: it has no name.

    Without /proc (not Linux), a temporary folder that only a SIGKILL leaves behind.
    """
    if Path("/proc/self/fd").is_dir():
        with tempfile.TemporaryFile() as file:
            yield Path(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory(prefix="deployer-code-") as folder:
        yield Path(folder) / "code.tar"


def _archive(source: Path, commit: str, target: Path) -> None:
    with target.open("wb") as file:
        _run(["git", "-C", str(source), "archive", "--format=tar", commit], source, file)


def _stem(archive: Path) -> str:
    ending = max((end for end in _SUFFIXES if archive.name.endswith(end)), key=len, default="")
    return archive.name.removesuffix(ending) or archive.name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _commit(source: Path, ref: str) -> str:
    """The commit that `ref` names, or '' if `source` is not part of a git checkout.

    A folder that git does not track (a build result below a checkout) is an ordinary directory.
    Raises ConfigError for an unknown ref in a checkout.
    """
    try:
        _git(source, "rev-parse", "--git-dir")
    except ConfigError as error:
        if "not a git repository" in error.detail or isinstance(error.__cause__, OSError):
            return ""
        raise
    try:
        commit = _git(
            source, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
    except ConfigError as error:
        if not _git(source, "ls-files"):
            return ""
        raise ConfigError(
            f"{source} has no commit {ref!r}",
            detail=error.detail,
            cure="say --ref with a branch, a tag or a commit that is there",
        ) from error
    return commit if _git(source, "ls-tree", commit) else ""


def _submodules(source: Path, commit: str) -> tuple[str, ...]:
    """The paths below the source where git has other repositories."""
    entries = _git(source, "ls-tree", "-r", "-z", commit).split("\0")
    return tuple(entry.partition("\t")[2] for entry in entries if entry.startswith("160000 "))


def _uncommitted(source: Path, commit: str) -> int:
    """How many files differ from what is released, if it is what is checked out."""
    if _git(source, "rev-parse", "HEAD") != commit:
        return 0
    return len(_git(source, "--no-optional-locks", "status", "--porcelain", "--", ".").splitlines())


def _git(source: Path, *words: str) -> str:
    return _run(["git", "-C", str(source), *words], source).strip()


def _run(argv: list[str], source: Path, output: IO[bytes] | int = subprocess.PIPE) -> str:
    """The output of git; with `output`, it is written there instead."""
    try:
        done = subprocess.run(argv, stdout=output, stderr=subprocess.PIPE, check=True)
    except OSError as error:
        raise ConfigError(
            f"git cannot be run: {error.strerror}",
            cure="install git on this machine, or ship a directory or an archive as code.source",
        ) from error
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode("utf-8", "replace").strip()
        raise ConfigError(f"git {argv[3]} failed in {source}: {why}", detail=why) from error
    return (done.stdout or b"").decode("utf-8", "replace")


def _pack_directory(source: Path, target: Path) -> None:
    """Pack the tree in a fixed order: equal trees give equal files."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(source.rglob("*")):
            tar.add(path, str(path.relative_to(source)), recursive=False)


def check_entries(members: Sequence[tarfile.TarInfo]) -> None:
    """Refuse entries that would be written outside the target folder, or would give root's rights.

    Raises ConfigError naming the first such entry: absolute names, `..`, links that lead out of the
    root (also through other links), devices, setuid and setgid files.
    """
    links = _symlinks(members)
    for member in members:
        if fault := _fault(member, links):
            cure = "chmod u-s,g-s, and let an install command set it" if "setuid" in fault else ""
            raise ConfigError(f"the code has an entry that {fault}: {member.name}", cure=cure)


def _symlinks(members: Sequence[tarfile.TarInfo]) -> dict[str, str]:
    links: dict[str, str] = {}
    for member in members:
        name = "/".join(_parts(member.name))
        if member.issym() and links.setdefault(name, member.linkname) != member.linkname:
            raise ConfigError(f"the code has two links of one name: {member.name}")
    return links


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _fault(member: tarfile.TarInfo, links: dict[str, str]) -> str:
    """The problem of an entry; '' if there is none."""
    if member.name.startswith("/"):
        return "has an absolute name"
    if ".." in _parts(member.name):
        return "climbs with .."
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return "is a device or a pipe"
    if member.isfile() and member.mode & (stat.S_ISUID | stat.S_ISGID):
        return "is a setuid or setgid file"
    if not _inside(member.name, links):
        return "leads out of the root by a link"
    if member.islnk() and (member.linkname.startswith("/") or not _inside(member.linkname, links)):
        return "is a link out of the root"
    return ""


def _inside(name: str, links: dict[str, str]) -> bool:
    """Whether `name` stays below the root when every link on its path is followed.

    The text alone does not decide: `a/b/../..` may leave the root if `a/b` is a link to the top.
    """
    here: list[str] = []
    todo = _parts(name)[::-1]
    hops = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if not here:
                return False
            here.pop()
            continue
        here.append(part)
        target = links.get("/".join(here))
        if target is None:
            continue
        hops += 1
        if target.startswith("/") or hops > _MAX_HOPS:
            return False
        here.pop()
        todo.extend(_parts(target)[::-1])
    return True
