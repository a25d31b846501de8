"""Writes a file over SFTP, in parts that fit a packet of SSH."""

from __future__ import annotations

from typing import Any, BinaryIO

from reconciler.machine.shell import OnBytes

PART = 32_000
"""Bytes of one SFTP write. A packet of SSH has 32 KiB, less 64 bytes and the write's own header: 32
KiB of data would need a second packet for the last hundred bytes."""


def write(sftp: Any, reader: BinaryIO, target: str, size: int, on_bytes: OnBytes | None) -> None:
    """Copy what `reader` has, without a wait for the answer to each part. Raises OSError.

    As `putfo` of paramiko's SFTPClient, which `sftp` is, but in parts that fit a packet.
    """
    done = 0
    with sftp.open(target, "wb") as file:
        file.set_pipelined(True)
        while part := reader.read(PART):
            file.write(part)
            done += len(part)
            if on_bytes is not None:
                on_bytes(done, size)
    written = sftp.stat(target).st_size
    if written != done:
        raise OSError(f"{written} bytes of {done} were written")
