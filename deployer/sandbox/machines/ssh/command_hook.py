"""Who is asked before a command runs on a machine, and again before its end is told.

A test that wants to cut, kill or repeat at exactly one command stands at this door. Nobody stands
there otherwise, and then nothing is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Literal

Word = Literal["go", "cut", "twice"]
"""`cut`: the connection ends here, without a word. `twice`: run, and run again with the same
standard input; only what the first said is heard."""

_WORDS: dict[str, Word] = {"cut": "cut", "twice": "twice"}


@dataclass(frozen=True)
class Door:
    """The door of one machine; `address` is `host:port`, empty where nobody asks.

    A question is one line of JSON: machine, `when` (`before`, `after`) and what; the answer is one
    line, a `Word`.
    """

    address: str
    machine: str

    @property
    def watched(self) -> bool:
        """Whether anybody is to be asked."""
        return bool(self.address)

    async def ask(self, when: str, what: str) -> Word:
        """What is to become of it; `go` where nobody is there any more."""
        host, _, port = self.address.rpartition(":")
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, int(port))
            with contextlib.closing(writer):
                question = {"machine": self.machine, "when": when, "what": what}
                writer.write(json.dumps(question).encode() + b"\n")
                answer = (await reader.readline()).decode().strip()
            return _WORDS.get(answer, "go")
        return "go"
