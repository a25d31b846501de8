"""Uploads the code to the machines in parallel, unpacks it aside, swaps it in, installs it.

The new tree is made in its own folder and replaces the old one by a rename: a machine has the old
code or the new, never a mixture. The app does not run meanwhile.
"""

from __future__ import annotations

import math
import re
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deployer.provisioning.code_archive import CodeArchive
from reconciler.errors import ConfigError, ToolError
from reconciler.machine.shell import Command, OnBytes, Shell
from reconciler.util.concurrency import side_by_side
from reconciler.util.humanize import span

UNPACK_SECONDS = 900.0
_ID = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class UploadPaths:
    """The paths of the code on a machine.

    `path` is absolute and no link; `id` is a word of this deploy, for the names of temporary files;
    `keep` are paths below `path` that are kept from the old tree (uploads, an env file).
    """

    path: str
    id: str
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        depth = len(PurePosixPath(self.path).parts)
        if not self.path.startswith("/") or ".." in self.path.split("/") or depth < 3:
            raise ConfigError(
                f"code.path {self.path!r} is not a folder below a top folder",
                cure='path = "/srv/NAME" below [code] in the file of the service',
            )
        if not _ID.fullmatch(self.id):
            raise ConfigError(
                f"{self.id!r} cannot be part of a file name: letters, digits and . _ - can"
            )
        for path in self.keep:
            if path.startswith("/") or ".." in path.split("/") or not path.strip("./"):
                raise ConfigError(f"{path!r} is not a path below {self.path}")


def ship(
    shells: Sequence[Shell],
    code: CodeArchive,
    place: UploadPaths,
    on_bytes: OnBytes | None = None,
    limit: float = math.inf,
) -> None:
    """Upload the code to every machine, in parallel.

    `on_bytes` counts the bytes of all machines together; `limit` is in seconds. Raises ToolError
    beyond the limit, and the Shell errors of the first machine that failed, after all have ended.
    """
    counter = _Counter(code.size * len(shells), on_bytes, limit)
    side_by_side(shells, lambda shell: _ship_to(shell, code, place, counter.part()))


def _ship_to(shell: Shell, code: CodeArchive, place: UploadPaths, on_bytes: OnBytes) -> None:
    # In the login user's home: /tmp may be small, and every user can write to it.
    home = shell.run(Command("pwd", "find the home folder")).text
    archive = f"{home}/.deployer-{place.id}.tar"
    shell.put(code.archive, archive, mode=0o600, on_bytes=on_bytes)
    script = unpack_script(archive, place)
    shell.run(Command(script, f"unpack {code.release}", sudo=True, timeout=UNPACK_SECONDS))


def unpack_script(archive: str, place: UploadPaths) -> str:
    """Unpack `archive` aside and replace the old tree, keeping the old owner.

    The old tree is deleted: it may hold secrets, and a rollback uses another machine.
    """
    kept = " ".join(shlex.quote(path.strip("/")) for path in place.keep)
    path = place.path.rstrip("/")
    return f"""\
set -eu
path={shlex.quote(path)}
archive={shlex.quote(archive)}
new=$path.new-{place.id}
old=$path.old-{place.id}
[ ! -L "$path" ] || {{ echo "$path is a symbolic link: name the folder itself" >&2; exit 1; }}
rm -rf "$new" "$old"
mkdir -p "${{path%/*}}"
mkdir -m 0755 "$new"
tar -xf "$archive" -C "$new" --no-same-owner
rm -f "$archive"
if [ -d "$path" ]; then
  chown -hR "$(stat -c %u:%g "$path")" "$new"
  chmod "$(stat -c %a "$path")" "$new"
  for kept in {kept}; do
    if [ -e "$path/$kept" ]; then
      rm -rf "$new/$kept"
      mkdir -p "$(dirname "$new/$kept")"
      mv "$path/$kept" "$new/$kept"
    fi
  done
  mv "$path" "$old"
fi
mv "$new" "$path"
rm -rf "$old"
"""


def install(
    shells: Sequence[Shell],
    path: str,
    commands: Sequence[str],
    begin: Callable[[str], float],
    on_output: Callable[[bytes], None] | None = None,
) -> None:
    """Run the install commands in `path` as root, in order, on every machine in parallel.

    `begin` is told each command before a machine starts it, and returns its limit in seconds of the
    wall clock (a freeze may be in force); several threads call it. Raises CommandFailed naming the
    command, with its last 40 lines; CommandTimedOut.
    """

    def on_one(shell: Shell) -> None:
        for line in commands:
            script = f"cd {shlex.quote(path)} || exit\n{line}"
            command = Command(script, f"install `{line}`", sudo=True, timeout=begin(line))
            shell.run(command, on_output)

    side_by_side(shells, on_one)


class _Counter:
    """Sums the progress of several uploads, and ends them at the limit. Thread-safe.

    A copy that stands still makes no progress to be counted: the session's own time-out ends it.
    """

    def __init__(self, total: int, on_bytes: OnBytes | None, limit: float) -> None:
        self._total = total
        self._on_bytes = on_bytes
        self._done = 0
        self._lock = threading.Lock()
        self._limit = limit
        self._began = time.monotonic()

    def part(self) -> OnBytes:
        """The callback of one upload."""
        before = 0

        def report(done: int, _total: int) -> None:
            nonlocal before
            if time.monotonic() - self._began > self._limit:
                raise ToolError(
                    f"the code was not uploaded within {span(self._limit)}",
                    cure="raise limits.upload, or ship less",
                )
            with self._lock:
                self._done += done - before
                before = done
                if self._on_bytes:
                    self._on_bytes(self._done, self._total)

        return report
