"""What a ref would ship, and how it differs from what is live. Reads a checkout; changes nothing.

Packs the code as a release does, so that whatever is refused there is refused here.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from deployer.provisioning.code_archive import packed
from reconciler.util import humanize

SHOWN = 5
_MIGRATION = re.compile(r"(^|/)(migrations?|migrate|alembic/versions|db/migrate)/")


@dataclass(frozen=True)
class Shipment:
    """The code of a ref: its release name, size, and what is not in it.

    `left_out` are tracked files that `export-ignore` keeps out, `uncommitted` the number of files
    whose changes are not in it.
    """

    release: str
    size: int
    uncommitted: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What would be shipped, for one line."""
        return f"{self.release}, {humanize.size(self.size)}"

    def notes(self) -> tuple[str, ...]:
        """What is not shipped, although it is in the checkout."""
        notes = []
        if self.uncommitted:
            changes = humanize.count(self.uncommitted, "file")
            notes.append(f"the tree is dirty: the changes of {changes} are not released")
        if self.left_out:
            more = f" and {len(self.left_out) - SHOWN} more" if len(self.left_out) > SHOWN else ""
            names = ", ".join(self.left_out[:SHOWN])
            notes.append(f"export-ignore keeps out of the release: {names}{more}")
        return tuple(notes)


def examine_code(source: Path, ref: str) -> Shipment:
    """Pack the code of a ref. Raises ConfigError for a ref or an entry that `up` would refuse."""
    with packed(source, ref) as code:
        with tarfile.open(code.archive) as archive:
            names = {one.removeprefix("./") for one in archive.getnames()}
        tracked = _lines(source, "ls-tree", "-r", "--name-only", ref) if source.is_dir() else []
        left_out = tuple(sorted(set(tracked) - names)) if set(tracked) & names else ()
        return Shipment(code.release, code.size, code.uncommitted, left_out)


def since_live(source: Path, live: str, ref: str) -> str:
    """`v1.4.2 → v1.5.0, 14 commits, 2 migrations`; '' where live's release is no commit here."""
    if not source.is_dir() or not _is_commit(source, live) or not _is_commit(source, ref):
        return ""
    count = len(_lines(source, "rev-list", f"{live}..{ref}"))
    back = len(_lines(source, "rev-list", f"{ref}..{live}"))
    changed = _lines(source, "diff", "--name-only", "--no-renames", "--relative", live, ref)
    migrations = [name for name in changed if _MIGRATION.search(name)]
    name = next(iter(_lines(source, "describe", "--tags", "--always", ref)), ref)
    said = [f"{live} → {name}", humanize.count(count, "commit")]
    if back:
        said.append(f"without {humanize.count(back, 'commit')} of live")
    if migrations:
        listed = ", ".join([*migrations[:SHOWN], *(["…"] if len(migrations) > SHOWN else [])])
        said.append(f"{humanize.count(len(migrations), 'migration')} ({listed})")
    return ", ".join(said)


def _is_commit(source: Path, name: str) -> bool:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return bool(name and _lines(source, *words))


def _lines(source: Path, *words: str) -> list[str]:
    """The lines that git prints; none where it fails: this is not needed to release."""
    command = ["git", "-c", "core.quotePath=false", "-C", str(source), *words]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return done.stdout.decode("utf-8", "replace").splitlines()
