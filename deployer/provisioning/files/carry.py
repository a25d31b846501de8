"""One pass over a folder: what live's machines have there is brought to the new machines.

Files are compared by kind, size, time, mode and owner, sent where they differ, removed where live
has them no more, and compared again. What live changes during a pass is left to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from deployer.provisioning.files.stream import Folder, given, send
from reconciler.errors import ToolError
from reconciler.machine.files import listing as files
from reconciler.machine.files.listing import FILE, FOLDER, FileEntry
from reconciler.machine.shell import Pipes, Shell
from reconciler.util import humanize
from reconciler.util.concurrency import side_by_side

_SHOWN = 5
_RESERVE = 64 << 20


@dataclass(frozen=True)
class LiveListing:
    """The files of live by name; with several machines the newer of two wins.

    `source` is the number of the machine that has it.
    """

    entries: dict[bytes, FileEntry] = field(default_factory=dict)
    source: dict[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Carried:
    """What passes have done: files sent and removed, and the bytes of the files."""

    files: int = 0
    size: int = 0
    removed: int = 0

    def __add__(self, other: Carried) -> Carried:
        return Carried(
            self.files + other.files, self.size + other.size, self.removed + other.removed
        )

    def __str__(self) -> str:
        sent = f"{humanize.count(self.files, 'file')}, {humanize.size(self.size)}"
        return f"{sent}, {self.removed} removed" if self.removed else sent


@dataclass(frozen=True)
class CarrySessions:
    """The two ends: open sessions on live's machines and on the new ones."""

    live: Sequence[Shell]
    new: Sequence[Shell]


@dataclass(frozen=True)
class Pass:
    """One pass: the machines, the folder, and who is told of bytes that went.

    `before` is the listing of live in the pass before, None in the first one. `since` is the time
    from which a file may have changed without a trace in size and time: when the image was taken.
    """

    machines: CarrySessions
    folder: Folder
    on_bytes: Callable[[int], None]
    before: LiveListing | None = None
    since: float = 0.0

    def whole(self) -> tuple[LiveListing, Carried]:
        """Compare live with each new machine, where nothing else writes to the folder yet."""
        live = self._listed()
        there = side_by_side(self.machines.new, self._list_new)
        before = self.before.entries if self.before else None
        names = {
            name: None
            for found in there
            for name in files.differing(live.entries, found, before, self.since)
        }
        for shell, found in zip(self.machines.new, there, strict=True):
            self._refuse_full(shell, files.growth(live.entries, found, names))
        removed = [files.obsolete(live.entries, found) for found in there]
        return self._done(live, list(names), removed, whole=True)

    def rest(self) -> tuple[LiveListing, Carried]:
        """Bring what live has changed since the pass before; leave what a new machine has made."""
        assert self.before is not None
        live, before = self._listed(), self.before.entries
        names = list(files.differing(live.entries, before, before))
        removed = files.obsolete(live.entries, before)
        return self._done(live, names, [removed for _ in self.machines.new], whole=False)

    def _done(
        self,
        live: LiveListing,
        names: Sequence[bytes],
        removed: Sequence[Sequence[bytes]],
        *,
        whole: bool,
    ) -> tuple[LiveListing, Carried]:
        sent = [live.entries[name] for name in names]
        counted = Carried(
            sum(entry.kind != FOLDER for entry in sent),
            sum(entry.size for entry in sent if entry.kind == FILE),
            max(map(len, removed), default=0),
        )
        if not names and not any(removed):
            return live, counted
        side_by_side(list(zip(self.machines.new, removed, strict=True)), self._remove)
        self._send(live, names)
        self._verify(live, None if whole else set(names))
        return live, counted

    def _send(self, live: LiveListing, names: Sequence[bytes]) -> None:
        for number, source in enumerate(self.machines.live):
            own = [name for name in names if live.source[name] == number]
            if own:
                send(self.folder, source, self.machines.new, own, self.on_bytes)

    def _remove(self, item: tuple[Shell, Sequence[bytes]]) -> None:
        shell, names = item
        if names:
            command = self.folder.command(files.remove_script(self.folder.path), "clean")
            shell.stream(command, Pipes(given(names), lambda _: None))

    def _verify(self, live: LiveListing, only: Iterable[bytes] | None) -> None:
        """Compare again. What live has not touched meanwhile must be on every new machine."""
        wanted = files.unchanged(live.entries, self._listed().entries)
        if only is not None:
            wanted = {name: wanted[name] for name in only if name in wanted}
        for shell, found in zip(
            self.machines.new, side_by_side(self.machines.new, self._list_new), strict=True
        ):
            if missing := files.unlike(wanted, found):
                raise self._incomplete(shell, missing)

    def _incomplete(self, shell: Shell, missing: Sequence[bytes]) -> ToolError:
        shown = "\n".join(name.decode("utf-8", "replace") for name in missing[:_SHOWN])
        number = humanize.count(len(missing), "file")
        return ToolError(
            f"{number} of {self.folder.path} could not be brought to {shell.host} as on live",
            detail=f"{shown}\n..." if len(missing) > _SHOWN else shown,
            cure="let nothing but the app's units, which are stopped there, write to the folder; "
            "or see what the disk of live says (dmesg)",
        )

    def _refuse_full(self, shell: Shell, growth: int) -> None:
        """A full disk would be noticed too, but with live's writes refused by then."""
        if not growth:
            return
        script = files.space_script(self.folder.path)
        free = shell.run(self.folder.command(script, "measure")).text.strip()
        if free.isdigit() and int(free) * 1024 < growth + _RESERVE:
            raise ToolError(
                f"{self.folder.path} on {shell.host} has {humanize.size(int(free) * 1024)} left, "
                f"and {humanize.size(growth)} are to be carried there",
                cure="enlarge the volume of live, a clone's is as large; or delete files on live",
            )

    def _listed(self) -> LiveListing:
        merged = LiveListing()
        listings = side_by_side(self.machines.live, lambda shell: self._list(shell, expected=True))
        for number, listing in enumerate(listings):
            for name, entry in listing.items():
                known = merged.entries.get(name)
                if known is None or files.seconds(known.modified) < files.seconds(entry.modified):
                    merged.entries[name], merged.source[name] = entry, number
        self._refuse_two_kinds(merged)
        return merged

    def _refuse_two_kinds(self, merged: LiveListing) -> None:
        """What is below a link of another machine would be unpacked wherever that link leads."""
        entries = merged.entries
        above = {name: entries.get(name.rpartition(b"/")[0]) for name in entries if name != b"."}
        odd = next((name for name, one in above.items() if one is None or one.kind != FOLDER), None)
        if odd is not None and len(self.machines.live) > 1:
            name = odd.rpartition(b"/")[0].decode("utf-8", "replace")
            raise ToolError(
                f"{name} in {self.folder.path} is a folder on one machine of live, on another not",
                cure="make it the same on every machine of live",
            )

    def _list_new(self, shell: Shell) -> dict[bytes, FileEntry]:
        return self._list(shell, expected=False)

    def _list(self, shell: Shell, *, expected: bool) -> dict[bytes, FileEntry]:
        pieces: list[bytes] = []
        script = files.list_script(self.folder.path, expected=expected)
        command = self.folder.command(script, "list")
        shell.stream(command, Pipes(lambda: None, pieces.append))
        return files.read_listing(b"".join(pieces))
