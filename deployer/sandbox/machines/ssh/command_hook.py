"""A hook server that is asked before a command runs on a machine, and before its end is reported.

A test uses it to cut, kill or repeat at exactly one command. Without a hook server nothing is
asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Literal

Word = Literal["go", "cut", "twice"]
"""`cut`: close the connection; `twice`: run twice, and send only the first run's output.

Both runs get the same standard input."""

_WORDS: dict[str, Word] = {"cut": "cut", "twice": "twice"}


@dataclass(frozen=True)
class CommandHook:
    """The hook of one machine; `address` is `host:port`, empty without a hook server.

    A question is one line of JSON: machine, `when` (`before`, `after`) and what; the answer is one
    line, a `Word`.
    """

    address: str
    machine: str

    @property
    def watched(self) -> bool:
        """Whether there is a hook server."""
        return bool(self.address)

    async def ask(self, when: str, what: str) -> Word:
        """The decision for a command; `go` if the server does not answer."""
        host, _, port = self.address.rpartition(":")
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, int(port))
            with contextlib.closing(writer):
                question = {"machine": self.machine, "when": when, "what": what}
                writer.write(json.dumps(question).encode() + b"\n")
                answer = (await reader.readline()).decode().strip()
            return _WORDS.get(answer, "go")
        return "go"
