"""The claim of an A record whose ledger is elsewhere: a TXT record that changes with it. Pure.

It says which ledger the record follows, the generation of the ledger that it was last pointed by,
and to which addresses. A generation never recurs, so no claim does, and a late copy of an earlier
change, which must delete the claim that it had read, fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r'"ledger=([^\s"]+) gen=(\d+)"((?: "at=[0-9.,]+")+)')
_PER_STRING = 12  # a string of a TXT value has at most 255 characters


@dataclass(frozen=True)
class RecordClaim:
    """The ledger's address, its generation, and the addresses, sorted."""

    ledger: str
    gen: int
    at: tuple[str, ...]

    @property
    def text(self) -> str:
        """The value of the TXT record."""
        starts = range(0, len(self.at), _PER_STRING)
        groups = (",".join(self.at[start : start + _PER_STRING]) for start in starts)
        addresses = " ".join(f'"at={group}"' for group in groups)
        return f'"ledger={self.ledger} gen={self.gen}" {addresses}'

    @staticmethod
    def parse(text: str) -> RecordClaim:
        """Raises ValueError for a text that is not exactly a claim's."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"no claim: {text!r}")
        at = ",".join(re.findall(r"at=([0-9.,]+)", found[3])).split(",")
        claim = RecordClaim(found[1], int(found[2]), tuple(at))
        if claim.text != text:
            raise ValueError(f"no claim as it is written: {text!r}")
        return claim


def claim_name(record: str) -> str:
    """The name of the record's claim."""
    return f"_deploy.{record}"
