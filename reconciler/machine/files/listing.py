"""Files below a folder of a machine: how they are listed, compared, packed and unpacked. Pure.

Names are bytes relative to the folder, `./a/b`, so that none can be read as an option. Folders,
files and symbolic links are listed; sockets, pipes and devices belong to running processes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

FOLDER, FILE, LINK = b"d", b"f", b"l"

_FIELDS = 3
_LOCAL = "btrfs|ext*|f2fs|jfs|overlayfs|ramfs|reiserfs|tmpfs|xfs|zfs"


@dataclass(frozen=True)
class FileEntry:
    """A file as one machine has it. `changed` is when content or properties last changed there."""

    kind: bytes
    size: int
    modified: bytes
    changed: bytes
    mode: bytes
    owner: bytes
    target: bytes

    @property
    def properties(self) -> tuple[object, ...]:
        """What a copy on another machine has, too. A folder's size and time are not carried."""
        size, modified = (self.size, self.modified) if self.kind == FILE else (0, b"")
        mode = b"" if self.kind == LINK else self.mode
        return (self.kind, size, modified, mode, self.owner, self.target)


Listing = Mapping[bytes, FileEntry]
"""The files of a folder by name; `.` is the folder itself."""


def list_script(folder: str, *, expected: bool) -> str:
    """Print every file below the folder; nothing for one that is not there, unless `expected`.

    A file that goes while this runs is no error, but whatever else `find` cannot read is.
    """
    missing = "exit 3" if expected else "exit 0"
    return (
        f"cd {shlex.quote(folder)} || {missing}\n"
        r"exec find . -xdev -ignore_readdir_race \( -type f -o -type d -o -type l \)"
        r" -printf '%y %s %T@ %C@ %m %U:%G\0%p\0%l\0'"
    )


def read_listing(output: bytes) -> dict[bytes, FileEntry]:
    """Parses the output of the script."""
    parts = output.split(b"\0")[:-1]
    found: dict[bytes, FileEntry] = {}
    for facts, name, target in zip(*(parts[start::_FIELDS] for start in range(3)), strict=True):
        kind, size, modified, changed, mode, owner = facts.split(b" ")
        found[name] = FileEntry(kind, int(size), modified, changed, mode, owner, target)
    return found


def seconds(stamp: bytes) -> float:
    """A time of a listing, in seconds since 1970."""
    return float(stamp)


def pack_script(folder: str) -> str:
    """Write an archive of the names on stdin; status 1 (a file changed meanwhile) is no error.

    A name that is gone, or cannot be read, is left out: the comparison afterwards judges that.
    """
    return (
        f"cd {shlex.quote(folder)} || exit 3\n"
        "tar --create --format=posix --sparse --numeric-owner --xattrs --acls --no-recursion"
        " --ignore-failed-read --warning=no-file-changed --null --files-from=- --file=-\n"
        "status=$?; [ $status -le 1 ] || exit $status"
    )


def unpack_script(folder: str) -> str:
    """Unpack an archive from stdin: with owners, modes and times, each file put in anew."""
    quoted = shlex.quote(folder)
    return (
        f"mkdir -p {quoted} && cd {quoted} || exit 3\n"
        "exec tar --extract --numeric-owner --same-owner --preserve-permissions --xattrs --acls"
        " --file=-"
    )


def remove_script(folder: str) -> str:
    """Remove the names on stdin, with all that is below them. A missing folder has none."""
    return (
        f"cd {shlex.quote(folder)} 2>/dev/null || exit 0\n"
        "exec xargs -0 -r rm -rf --one-file-system --"
    )


def space_script(folder: str) -> str:
    """Print the free kilobytes of the file system that the folder is on, or will be."""
    return f"{_nearest(folder)}df -Pk \"$place\" | awk 'NR == 2 {{print $4}}'"


def mount_script(folder: str) -> str:
    """Print where the file system is mounted that the folder is on, or will be."""
    return f"{_nearest(folder)}df -Pk \"$place\" | awk 'NR == 2 {{print $6}}'"


def _nearest(folder: str) -> str:
    """Sets `place` to the folder, or to what is nearest above it."""
    return (
        f"place={shlex.quote(folder)}\n"
        'while [ ! -e "$place" ]; do place=$(dirname "$place"); done\n'
    )


def check_script(folders: tuple[str, ...]) -> str:
    """Print `problem=…` for each reason why the folders cannot be carried; changes nothing."""
    return f"""\
for tool in find xargs tar; do
  case $($tool --version 2>/dev/null) in *GNU*) ;;
    *) echo "problem=$tool is not GNU $tool" ;; esac
done
for folder in {shlex.join(folders)}; do
  if [ -L "$folder" ]; then echo "problem=$folder is a symbolic link: name the folder itself"
  elif [ ! -d "$folder" ]; then echo "problem=$folder is no folder there"
  else
    type=$(stat -f -c %T "$folder")
    case $type in {_LOCAL}) ;;
      *) echo "problem=$folder is on a file system of type $type, which machines may share" ;; esac
    while read -r _ place _; do
      case $place in "$folder"/*)
        echo "problem=$place is mounted below $folder: name it in carry by itself" ;; esac
    done < /proc/mounts
  fi
done
"""


def problems(output: str) -> tuple[str, ...]:
    """What the check found."""
    lines = (line.partition("=") for line in output.splitlines())
    return tuple(text for key, _, text in lines if key == "problem")


def newer_script(folders: tuple[str, ...], marker: str) -> str:
    """Print one character for each file changed since the marker was touched, or `unknown`.

    A folder counts where a name in it came or went, so that a deletion alone is noticed.
    """
    return (
        f"[ -e {shlex.quote(marker)} ] || {{ echo unknown; exit 0; }}\n"
        f"find {shlex.join(folders)} -xdev -ignore_readdir_race -cnewer {shlex.quote(marker)}"
        " -printf %y"
    )


def differing(
    wanted: Listing, there: Listing, before: Listing | None = None, since: float = 0.0
) -> Iterator[bytes]:
    """The names of `wanted` that must be sent to where `there` was listed.

    Size and time alone may hide a change, so a file goes too where the source's own time of change
    is another than in its listing `before`, or, without that, not older than `since`.
    """
    for name, entry in wanted.items():
        found = there.get(name)
        same = found is not None and found.properties == entry.properties
        if not same or (entry.kind == FILE and _touched(entry, name, before, since)):
            yield name


def _touched(entry: FileEntry, name: bytes, before: Listing | None, since: float) -> bool:
    if before is None:
        return seconds(entry.changed) >= since
    earlier = before.get(name)
    return earlier is None or earlier.changed != entry.changed


def obsolete(wanted: Listing, there: Listing) -> list[bytes]:
    """The names to remove there before anything is unpacked, the deepest first.

    What is of another kind is removed as well: a folder does not replace a link, nor a link it.
    """
    gone = (
        name
        for name, entry in there.items()
        if name != b"." and (name not in wanted or wanted[name].kind != entry.kind)
    )
    return sorted(gone, key=lambda name: name.count(b"/"), reverse=True)


def growth(wanted: Listing, there: Listing, names: Iterable[bytes]) -> int:
    """By how many bytes the files there grow when these names are sent."""
    pairs = ((wanted[name], there.get(name)) for name in names)
    return sum(max(0, entry.size - (found.size if found else 0)) for entry, found in pairs)


def unlike(wanted: Listing, there: Listing) -> list[bytes]:
    """The names that are not there as they are wanted."""
    return [
        name
        for name, entry in wanted.items()
        if (found := there.get(name)) is None or found.properties != entry.properties
    ]


def unchanged(first: Listing, second: Listing) -> dict[bytes, FileEntry]:
    """What one machine had in both listings, and has not touched between them."""
    return {name: entry for name, entry in first.items() if second.get(name) == entry}
