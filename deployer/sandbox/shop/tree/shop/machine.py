"""What the shop knows of the machine and the release it runs on."""

from __future__ import annotations

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_INSTANCE_DATA = Path("/run/cloud-init/instance-data.json")


def version() -> str:
    """The version of the code, from the file VERSION."""
    return (ROOT / "VERSION").read_text().strip()


def address() -> str:
    """The address to listen on: SHOP_ADDRESS, or the machine's own."""
    return os.environ.get("SHOP_ADDRESS") or _instance("local-ipv4")


def name() -> str:
    """Which machine this is, for the rows its jobs write."""
    return os.environ.get("SHOP_HOST") or _instance("instance-id")


def _instance(key: str) -> str:
    """What EC2 told cloud-init."""
    return str(json.loads(_INSTANCE_DATA.read_text())["ds"]["meta-data"][key])
