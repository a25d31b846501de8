"""What every door is: a server on a free port of 127.0.0.1, a thread for each who enters."""

from __future__ import annotations

import socketserver
import threading

HOST = "127.0.0.1"


class Server(socketserver.ThreadingTCPServer):
    """Tells who enters which door it is."""

    daemon_threads = True
    request_queue_size = 64
    door: Door


class Door:
    """Open from its making until `close`."""

    def __init__(self, handler: type[socketserver.BaseRequestHandler]) -> None:
        self._server = Server((HOST, 0), handler)
        self._server.door = self
        name = type(self).__name__
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=name, daemon=True
        ).start()

    @property
    def port(self) -> int:
        """Where it is."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Nobody enters any more."""
        self._server.shutdown()
        self._server.server_close()
