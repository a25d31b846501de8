"""Copies bytes between an SSH channel and a process, each way only as fast as the slower side."""

from __future__ import annotations

import asyncio
import contextlib
import os

import asyncssh

_READ = 1 << 17


class OutputPipe:
    """Copies a process's pipe (or terminal) to a channel, while the channel accepts data."""

    def __init__(self, fd: int, chan: asyncssh.SSHServerChannel[bytes], kind: int | None) -> None:
        self._fd, self._chan, self._kind = fd, chan, kind
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(fd, False)
        self.resume()

    def resume(self) -> None:
        """Read again."""
        if not self.ended.done():
            self._loop.add_reader(self._fd, self._read)

    def pause(self) -> None:
        """Stop reading: the process blocks when its pipe is full."""
        if not self.ended.done():
            self._loop.remove_reader(self._fd)

    def close(self) -> None:
        """Close the pipe; a process that still writes gets SIGPIPE."""
        if not self.ended.done():
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self.ended.set_result(None)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last process has closed the terminal
            data = b""
        if not data:
            self.close()
            return
        with contextlib.suppress(OSError):  # the channel is gone; its connection_lost cleans up
            self._chan.write(data, self._kind)


class StdinPipe:
    """Writes the channel's data to a process's stdin."""

    def __init__(self, fd: int, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._fd, self._chan = fd, chan
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._open, self._ending = True, False
        self.record: bytearray | None = None
        os.set_blocking(fd, False)

    def feed(self, data: bytes) -> None:
        """Take more data; the channel pauses while the process does not read."""
        if self.record is not None:
            self.record += data
        if not self._open:
            return
        if not self._buffer:
            self._loop.add_writer(self._fd, self._write)
            self._chan.pause_reading()
        self._buffer += data

    def end(self) -> None:
        """The client will send no more."""
        self._ending = True
        if not self._buffer:
            self.close()

    def close(self) -> None:
        """Close the pipe."""
        if self._open:
            self._open = False
            self._loop.remove_writer(self._fd)
            os.close(self._fd)

    def _write(self) -> None:
        try:
            done = os.write(self._fd, self._buffer)
        except BlockingIOError:
            return
        except OSError:  # EPIPE: the process has closed its stdin
            self._buffer.clear()
            self.close()
            self._chan.resume_reading()
            return
        del self._buffer[:done]
        if not self._buffer:
            self._loop.remove_writer(self._fd)
            self._chan.resume_reading()  # which may deliver more data, and the end, at once
            if self._ending and not self._buffer:
                self.close()
