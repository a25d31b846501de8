"""A case: a state, the command that is typed in it, and the line that is pasted of its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.cures.desk import Desk
from tests.support.cures import Offer, offers

EVERY = tuple(offers())

Act = Callable[[Desk], object]


def nothing(_: Desk) -> None:
    """Nobody does anything."""


@dataclass(frozen=True)
class Case:
    """`made_by` offers `pasted` in answer to `typed`, in the state that `bring` makes.

    `first` is what the offer says that a person does before, or what it says to wait for; `later`
    what ends afterwards, and is no matter of this cure: an outage. `exits`: what the pasted
    command ends with, where that outage lasts. `fill`: a word of the offer that is the user's, and
    what a person writes for it.
    """

    made_by: str
    bring: Act
    typed: str
    pasted: str
    first: Act = nothing
    later: Act = nothing
    exits: int = 0
    fill: tuple[str, str] = ("", "")

    @property
    def name(self) -> str:
        """Its name among the tests."""
        return f"{self.made_by.rpartition('/')[2]}: {self.typed} > {self.pasted}"

    @property
    def filled_in(self) -> str:
        """The command that is run."""
        return self.pasted.replace(*self.fill) if self.fill[0] else self.pasted

    def offers(self) -> list[Offer]:
        """The offers of the inventory that this is."""
        return [one for one in EVERY if one.made_by == self.made_by and one.fits(self.pasted)]


def first_line(text: str) -> str:
    """The line that says how it stands."""
    return next((line for line in text.splitlines() if line.strip()), "")
