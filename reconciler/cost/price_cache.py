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


def save(prices: Prices) -> None:
    """Write the prices atomically. Raises OSError."""
    to = path()
    to.parent.mkdir(parents=True, exist_ok=True)
    new = to.with_name(f"{to.name}.{os.getpid()}")
    new.write_text(encode(prices), encoding="utf-8")
    new.replace(to)
