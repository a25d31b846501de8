"""The shop's web server.

GET  /            a page for people
GET  /healthz     200 if the database answers as this version needs it, else 500
GET  /version     the version, as text
GET  /orders/ID   one order
POST /orders      takes an order (JSON: item, quantity, note); answers only after the commit
GET  /photos/NAME size and digest of a photo
POST /photos/NAME keeps the body as a file, and orders a print of it; answers after the commit
"""

from __future__ import annotations

import html
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import machine, photos
from .database import connect, query
from .postgres import Error

PORT = 8080
_PAGE = """<!doctype html><title>shop</title>
<h1>shop {version}</h1><p>{orders} orders so far, in database {database}.</p>
"""


class Handler(BaseHTTPRequestHandler):
    """One request: a session on the database of its own, so that none is ever stale."""

    protocol_version = "HTTP/1.1"
    server_version = "shop"

    def do_GET(self) -> None:
        """Read."""
        path = self.path.partition("?")[0]
        if path == "/version":
            self._send(200, machine.version() + "\n", kind="text/plain")
        elif path == "/healthz":
            self._answer(self._health, failed=500)
        elif path == "/":
            self._answer(self._page)
        elif path.startswith("/orders/") and path[8:].isdigit():
            self._answer(lambda: self._order(int(path[8:])))
        elif path.startswith("/photos/"):
            self._photo(photos.read(path[8:]))
        else:
            self._json(404, {"error": "no such page"})

    def do_POST(self) -> None:
        """Take an order."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/photos/"):
            name = self.path[8:]
            self._answer(lambda: self._keep(name, body))
            return
        if self.path != "/orders":
            self._json(404, {"error": "no such page"})
            return
        try:
            order = {"item": "tea", "quantity": 1, "note": None} | json.loads(body or b"{}")
        except (ValueError, TypeError):
            self._json(400, {"error": "the body is not a JSON object"})
            return
        self._answer(lambda: self._place(order))

    def _answer(self, work: Any, *, failed: int = 503) -> None:
        """Do `work`; whatever the database refuses is `failed`, in words, here and in the log."""
        try:
            work()
        except Error as error:
            state = error.sqlstate or "no answer"
            print(f"{self.command} {self.path}: {state}: {error}", file=sys.stderr)
            status = 422 if error.is_theirs else failed
            self._json(status, {"error": str(error), "version": machine.version()})

    def _health(self) -> None:
        orders, database = self._summary()
        self._json(200, {"version": machine.version(), "database": database, "orders": orders})

    def _page(self) -> None:
        orders, database = self._summary()
        words = {
            "version": machine.version(),
            "orders": str(orders),
            "database": database,
        }
        self._send(200, _PAGE.format(**{k: html.escape(v) for k, v in words.items()}))

    def _summary(self) -> tuple[int, str]:
        with connect() as session:
            ((orders, database),) = query(session, "summary")
        return int(orders or 0), str(database)

    def _order(self, number: int) -> None:
        with connect() as session:
            rows = query(session, "order", {"id": number})
        if not rows:
            self._json(404, {"error": "no such order"})
        for _, item, quantity in rows:
            self._json(200, {"id": number, "item": item, "quantity": int(quantity or 0)})

    def _place(self, order: dict[str, Any]) -> None:
        with connect() as session:
            ((number,),) = query(session, "place_order", order)
        # Only here has the transaction been committed: what we acknowledge is kept.
        self._json(201, {"id": int(number or 0), "version": machine.version()})

    def _keep(self, name: str, body: bytes) -> None:
        kept = photos.write(name, body)
        with connect() as session:
            query(session, "place_order", {"item": f"photo {name}", "quantity": 1, "note": None})
        self._photo(kept, status=201)

    def _photo(self, photo: dict[str, Any] | None, status: int = 200) -> None:
        self._json(status if photo else 404, photo or {"error": "no such photo"})

    def _json(self, status: int, value: dict[str, Any]) -> None:
        self._send(status, json.dumps(value) + "\n", kind="application/json")

    def _send(self, status: int, text: str, *, kind: str = "text/html; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of requests that went well."""


class Server(ThreadingHTTPServer):
    """Takes bursts of clients."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until killed."""
    address = machine.address()
    with Server((address, PORT), Handler) as server:
        print(f"shop {machine.version()} serves on {address}:{PORT}", file=sys.stderr)
        server.serve_forever()


if __name__ == "__main__":
    main()
