"""Where fetched prices are kept between runs. A lost or spoiled file costs nothing but them.

Nothing else is ever kept on disk, and nothing is decided by this: prices are shown, no more.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.cost import estimate
from reconciler.cost.price_list import Prices, decode, encode
from reconciler.util.log import Logger

log = Logger()


def path() -> Path:
    """`deployer/prices.json` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "deployer" / "prices.json"


def load() -> Prices:
    """What is kept, used from now on for every cost in this process; else the table's alone."""
    prices = _kept()
    estimate.use(prices)
    return prices


def save(prices: Prices) -> None:
    """Keep these, whole or not at all. Raises OSError."""
    to = path()
    to.parent.mkdir(parents=True, exist_ok=True)
    new = to.with_name(f"{to.name}.{os.getpid()}")
    new.write_text(encode(prices), encoding="utf-8")
    new.replace(to)


def _kept() -> Prices:
    try:
        return decode(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Prices()
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("fetched prices cannot be read, the table's are used", cause=str(error))
        return Prices()
