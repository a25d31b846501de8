"""A stand-in for the tunnels of AWS, which find a machine by its instance id.

A client sends one line, `INSTANCE PORT`; the answer is a line, `ok` or why not; then bytes pass
both ways. `deployer sandbox connect` is the client, as `aws ssm start-session` is in AWS.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import socketserver
import threading
from collections.abc import Callable

PORT = 7078
LINE_LIMIT = 100
CHUNK = 1 << 16
OK = "ok"

Find = Callable[[str], str]
"""The address of a running machine by its instance id; '' if there is none."""


class Tunnel:
    """The server, in threads."""

    def __init__(self, host: str, find: Find) -> None:
        class Handler(socketserver.StreamRequestHandler):
            timeout = 60
            rbufsize = 0  # what follows the first line is not ours to read

            def handle(self) -> None:
                _serve(self.request, self.rfile.readline(LINE_LIMIT), find)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer((host, PORT), Handler)
        self._server.daemon_threads = True

    def start(self) -> None:
        """Serve in threads."""
        threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="tunnel", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self._server.shutdown()
        self._server.server_close()


def _serve(client: socket.socket, line: bytes, find: Find) -> None:
    instance, _, port = line.decode("ascii", "replace").strip().partition(" ")
    address = find(instance) if instance.startswith("i-") and port.isdigit() else ""
    if not address:
        client.sendall(f"{instance!r} is not connected\n".encode())
        return
    try:
        machine = socket.create_connection((address, int(port)), timeout=5)
    except OSError as error:
        client.sendall(f"{instance}: {error}\n".encode())
        return
    client.sendall(f"{OK}\n".encode())
    with machine, contextlib.suppress(OSError):
        client.settimeout(None)
        machine.settimeout(None)
        _pass(client.fileno(), client.fileno(), machine)


def connect(host: str, instance: str, port: int) -> str:
    """Pass bytes between our standard streams and the machine; returns why not, else ''."""
    with socket.create_connection((host, PORT)) as server:
        server.sendall(f"{instance} {port}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            byte = server.recv(1)
            if not byte:
                return "the tunnel closed the connection"
            answer += byte
        if answer.decode().strip() != OK:
            return answer.decode().strip()
        with contextlib.suppress(OSError):
            _pass(0, 1, server)
    return ""


def _pass(reading: int, writing: int, peer: socket.socket) -> None:
    """Copy both ways until one side has ended."""
    while True:
        readable, _, _ = select.select([reading, peer.fileno()], [], [])
        for ready in readable:
            data = os.read(reading, CHUNK) if ready == reading else peer.recv(CHUNK)
            if not data:
                return
            if ready == reading:
                peer.sendall(data)
            else:
                _write(writing, data)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
