"""The demo service: a small but real web shop, in several versions, good and broken.

`tree/` is v1.4.2; `changes/` holds the changed files of each later version.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import ConfigError

_HERE = Path(__file__).parent
FIRST = "v1.4.2"
LATER = ("v1.5.0", "v1.6.0", "v1.7.0")
VERSIONS = (FIRST, *LATER)

# A line in a file of the tree, by the step that it breaks.
_BREAKS: Mapping[str, tuple[str, str]] = {
    "install": (
        "bin/install",
        '#!/bin/sh\necho "no space left on device" >&2\nexit 1\n',
    ),
    "migrate": (
        "migrations/9000_broken.sql",
        "ALTER TABLE no_such_table ADD COLUMN a int;\n",
    ),
    "start": (
        "shop/server.py",
        'raise SystemExit("shop: this version does not start")\n',
    ),
    "smoke": (
        "queries/summary.sql",
        "SELECT count(*), current_database() FROM orders_v3\n",
    ),
}
BROKEN = tuple(_BREAKS)


@dataclass(frozen=True)
class Tree:
    """The files of one version: their contents by path below the root."""

    version: str
    files: Mapping[str, bytes]

    def broken(self, how: str) -> Tree:
        """This version with one of BROKEN in it: it fails in that step of a release."""
        path, text = _BREAKS[how]
        return Tree(self.version, {**self.files, path: text.encode()})

    def renamed(self, version: str) -> Tree:
        """The same code under another version."""
        return Tree(version, {**self.files, "VERSION": f"{version}\n".encode()})


def tree(version: str) -> Tree:
    """One of VERSIONS."""
    files = dict(_read(_HERE / "tree"))
    for later in LATER[: VERSIONS.index(version)]:
        files |= dict(_read(_HERE / "changes" / later))
    return Tree(version, files).renamed(version)


def write_version(
    target: Path,
    version: str,
    *,
    broken: str | None = None,
    migrations: Mapping[str, str] | None = None,
) -> None:
    """Write the tree of `version` into `target`; one not in VERSIONS is like the newest.

    `broken` is one of BROKEN; `migrations` are more migrations, SQL by file name.
    """
    made = tree(version if version in VERSIONS else VERSIONS[-1]).renamed(version)
    if broken:
        made = made.broken(broken)
    more = {f"migrations/{name}": text.encode() for name, text in (migrations or {}).items()}
    for path, content in {**made.files, **more}.items():
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode(path))


def write_repository(target: Path) -> None:
    """Make a git repository whose tags are VERSIONS, and whose branches are `broken-…`.

    The same commits every time: authors and dates are fixed.
    """
    target.mkdir(parents=True)
    _git(target, "init", "--quiet", "--initial-branch=main")
    _git(target, "fast-import", "--quiet", stdin=_history())
    _git(target, "checkout", "--quiet", "main")


def _history() -> bytes:
    """The repository as a stream for git fast-import."""
    parts = []
    for number, version in enumerate(VERSIONS, 1):
        parts.append(_commit("refs/heads/main", tree(version), number))
        parts.append(f"reset refs/tags/{version}\nfrom :{number}\n\n".encode())
    for number, how in enumerate(BROKEN, len(VERSIONS) + 1):
        made = tree(VERSIONS[-1]).renamed(f"v1.8.0-{how}").broken(how)
        parts.append(_commit(f"refs/heads/broken-{how}", made, number, parent=len(VERSIONS)))
    return b"".join(parts)


def _commit(ref: str, made: Tree, number: int, parent: int = 0) -> bytes:
    subject = f"Release {made.version}\n"
    when = f"The Shop <shop@example.test> {1_700_000_000 + number} +0000"
    lines = [
        f"commit {ref}",
        f"mark :{number}",
        f"committer {when}",
        f"data {len(subject)}",
    ]
    head = "\n".join(lines) + f"\n{subject}" + (f"from :{parent}\n" if parent else "")
    files = (_file(path, content) for path, content in sorted(made.files.items()))
    return head.encode() + b"deleteall\n" + b"".join(files) + b"\n"


def _file(path: str, content: bytes) -> bytes:
    kind = "100755" if mode(path) & 0o100 else "100644"
    return f"M {kind} inline {path}\ndata {len(content)}\n".encode() + content + b"\n"


def _git(directory: Path, *arguments: str, stdin: bytes = b"") -> None:
    """Run git without any user's configuration."""
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        subprocess.run(
            ["git", "-C", str(directory), *arguments],
            input=stdin,
            check=True,
            env={**os.environ, **plain},
        )
    except FileNotFoundError as error:
        raise ConfigError("the demo's sources need git", cure="install git") from error


def _read(top: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(top.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield str(file.relative_to(top)), file.read_bytes()


def mode(path: str) -> int:
    """The file mode of a path of the tree."""
    return 0o755 if path.startswith("bin/") else 0o644
