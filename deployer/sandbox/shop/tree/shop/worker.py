"""A job that must run once: writes its machine's name every second, so that a double shows."""

from __future__ import annotations

import sys
import time

import psycopg

from . import machine
from .database import connect, message, query


def beat() -> None:
    """Write until the database refuses; the session is kept, as by most workers."""
    with connect() as session:
        while True:
            session.execute(query("beat"), {"host": machine.name()})
            session.commit()
            time.sleep(1)


def main() -> None:
    """Beat for ever; a database that is shut or away is waited for."""
    print(f"shop-worker {machine.version()} on {machine.name()}", file=sys.stderr)
    while True:
        try:
            beat()
        except psycopg.Error as error:
            print(f"shop-worker waits: {message(error)}", file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    main()
