"""Photos that customers upload: files on this machine's own disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

FOLDER = Path("/var/lib/shop/photos")


def write(name: str, body: bytes) -> dict[str, Any]:
    """Keep a photo; it appears whole, under its name, or not at all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = FOLDER / f".{Path(name).name}.part"
    with part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.rename(FOLDER / Path(name).name)
    return _facts(name, body)


def read(name: str) -> dict[str, Any] | None:
    """What a photo is; None for one that is not here."""
    try:
        return _facts(name, (FOLDER / Path(name).name).read_bytes())
    except OSError:
        return None


def _facts(name: str, body: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(body), "digest": hashlib.sha256(body).hexdigest()}
