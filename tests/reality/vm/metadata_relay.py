"""One connection of a guest to its metadata service: QEMU starts this for each.

Standard input and output are the guest's end; the argument is the service's socket on the host.
"""

from __future__ import annotations

import os
import socket
import sys
import threading


def main(path: str) -> None:
    """Carry bytes both ways until the service closes."""
    with socket.socket(socket.AF_UNIX) as service:
        service.connect(path)
        threading.Thread(target=_ask, args=(service,), daemon=True).start()
        while data := service.recv(65536):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def _ask(service: socket.socket) -> None:
    while data := os.read(sys.stdin.fileno(), 65536):
        service.sendall(data)
    service.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(sys.argv[1])
