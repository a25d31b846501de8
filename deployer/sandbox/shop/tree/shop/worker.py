"""A job that must run once: writes its machine's name every second, so that a double shows."""

from __future__ import annotations

import sys
import time

from . import machine
from .database import connect, query
from .postgres import Error


def beat() -> None:
    """Write until the database refuses; the session is kept, as by most workers."""
    with connect() as session:
        while True:
            query(session, "beat", {"host": machine.name()})
            time.sleep(1)


def main() -> None:
    """Beat for ever; a database that is shut or away is waited for."""
    print(f"shop-worker {machine.version()} on {machine.name()}", file=sys.stderr)
    while True:
        try:
            beat()
        except Error as error:
            print(f"shop-worker waits: {error}", file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    main()
