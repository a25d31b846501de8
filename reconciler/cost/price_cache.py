"""Keeps fetched prices between runs. If the file is lost or corrupt, the price table is used.

Nothing else is kept on disk, and no decision depends on it: prices are only displayed.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.cost.price_list import Prices, decode, encode
from reconciler.util.log import Logger

log = Logger()


def path() -> Path:
    """`deployer/prices.json` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "deployer" / "prices.json"


def load() -> Prices:
    """The kept prices; without them, none: then the table is used."""
    try:
        return decode(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Prices()
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("fetched prices cannot be read, the table's are used", cause=str(error))
        return Prices()


class PriceFile:
    """The file as a long-running process reads it: once in each of its states.

    A corrupt file is reported once, not with every sweep.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._prices: Prices | None = None

    def load(self) -> Prices:
        """The kept prices, as `load` has them; read again after the file has changed."""
        seen = _state()
        if self._prices is None or seen != self._seen:
            self._seen, self._prices = seen, load()
        return self._prices


def _state() -> tuple[int, int] | None:
    try:
        found = path().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def save(prices: Prices) -> None:
    """Write the prices atomically. Raises OSError."""
    to = path()
    to.parent.mkdir(parents=True, exist_ok=True)
    new = to.with_name(f"{to.name}.{os.getpid()}")
    new.write_text(encode(prices), encoding="utf-8")
    new.replace(to)
