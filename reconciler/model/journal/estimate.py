"""How long a release may take: as long as the newest one in the journal did. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.journal.entry import DONE, REHEARSAL, RELEASE, RELEASED, UNFINISHED, Entry

_ENDED_WELL = {RELEASE: (RELEASED, UNFINISHED), REHEARSAL: (DONE,)}


@dataclass(frozen=True)
class Estimate:
    """The seconds of each step of `release`. `frozen`: for how long writes were refused.

    rehearsed  it was a rehearsal, which neither freezes nor commits
    """

    release: str
    seconds: Mapping[str, float]
    frozen: float | None = None
    rehearsed: bool = False

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())


def estimate(entries: Iterable[Entry]) -> Estimate | None:
    """From entries, newest first. A rehearsal counts where no release is known."""
    known = [
        entry
        for entry in entries
        if entry.outcome in _ENDED_WELL.get(entry.kind, ())
        and any(step.step == "start" for step in entry.steps)  # one of the schema alone has none
    ]
    last = next((entry for entry in known if entry.kind == RELEASE), next(iter(known), None))
    if last is None:
        return None
    seconds = {step.step: step.seconds for step in last.steps if not step.failed}
    return Estimate(last.release, seconds, last.frozen_seconds, last.kind == REHEARSAL)
