"""The socket at which a machine's pid 1 answers systemctl, journalctl, shutdown and their like.

A question is the length of what follows, a line end, and the words with a zero byte between them;
an answer is the exit code, the length of the output, a line end, the output, and the errors.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machines.manager import Manager
from deployer.sandbox.machines.systemctl import Answer, Systemctl
from deployer.sandbox.machines.unit_file import full_name

SOCKET = Path("/run/sandbox.sock")


@dataclass(frozen=True)
class Control:
    """Reads one question a connection, answers it, closes."""

    manager: Manager

    async def listen(self) -> asyncio.Server:
        """Begin to answer."""
        return await asyncio.start_unix_server(self._serve, SOCKET)

    async def answer(self, words: list[str]) -> Answer:
        """The answer to a command line; its first word is the program's name."""
        program, *rest = words
        match program:
            case "systemctl":
                return await Systemctl(self.manager).answer(rest)
            case "journalctl":
                return self._journal(rest)
            case "shutdown":
                return self._shutdown(rest)
            case "reboot":
                self.manager.power("reboot")
            case "halt" | "poweroff":
                self.manager.power("halt")
        return Answer()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = await reader.readexactly(int(await reader.readline()))
            answer = await self.answer(_words(question))
            writer.write(_told(answer))
            await writer.drain()
        except (ValueError, EOFError, ConnectionError):
            pass  # whoever asked is gone, or is no shim of ours
        finally:
            writer.close()

    def _journal(self, words: list[str]) -> Answer:
        units, lines = [], None
        left = iter(words)
        for word in left:
            if word in ("-u", "--unit"):
                units.append(full_name(next(left, "")))
            elif word.startswith(("-u", "--unit=")):
                units.append(full_name(word.removeprefix("--unit=").removeprefix("-u")))
            elif word in ("-n", "--lines"):
                lines = _count(next(left, "10"))
            elif word.startswith(("-n", "--lines=")):
                lines = _count(word.removeprefix("--lines=").removeprefix("-n"))
        journal = self.manager.tools.journal
        text = "".join(journal.tail(unit, lines) for unit in units or journal.units())
        return Answer(out=text or "-- No entries --\n")

    def _shutdown(self, words: list[str]) -> Answer:
        """`shutdown [-h|-P|-H|-r] now`; a later time is a minute's number, one minute if none."""
        act = "reboot" if "-r" in words or "--reboot" in words else "halt"
        when = next((word for word in words if not word.startswith("-")), "+1")
        if "-c" in words:
            return Answer(err="shutdown: the sandbox cancels nothing\n", code=1)
        if when != "now" and not when.lstrip("+").isdigit():
            return Answer(err=f"Failed to parse time specification: {when}\n", code=1)
        minutes = 0 if when == "now" else int(when)
        asyncio.get_running_loop().call_later(60 * minutes, self.manager.power, act)
        return Answer()


def _words(question: bytes) -> list[str]:
    return [word.decode(errors="surrogateescape") for word in question.split(b"\0")]


def _told(answer: Answer) -> bytes:
    out, err = (text.encode(errors="replace") for text in (answer.out, answer.err))
    return b"%d %d\n%s%s" % (answer.code, len(out), out, err)


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None
