r"""Domain names in the form that Route 53 stores.

Lower case, a trailing dot, and every character but a-z, 0-9, `-`, `_` and `.` as an octal escape
(`*` comes back as `\052`). Source: Route 53 Developer Guide, DomainNameFormat.
"""

from __future__ import annotations

import re

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_ESCAPE = re.compile(r"\\([0-3][0-7]{2})")
MAX_NAME = 255
MAX_LABEL = 63


def normal_name(name: str) -> str:
    """The name in its stored and listed form.

    Raises:
        ValueError: it is no domain name (an empty or a too long label or name).
    """
    raw = _ESCAPE.sub(lambda m: chr(int(m.group(1), 8)), name).lower()
    labels = raw.removesuffix(".").split(".")
    if len(raw) > MAX_NAME or any(not 0 < len(label) <= MAX_LABEL for label in labels):
        raise ValueError(f"'{name}' is not a valid domain name")
    return ".".join("".join(_stored(c) for c in label) for label in labels) + "."


def _stored(char: str) -> str:
    if char in _PLAIN:
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode())


def in_zone(name: str, zone: str) -> bool:
    """Whether a normalised name belongs to a zone (compares whole labels)."""
    return name == zone or name.endswith("." + zone)


def list_key(name: str) -> str:
    """The sort key of lists: the labels reversed, trailing dot kept, in ASCII order.

    Source: ListResourceRecordSets, "Sort order".
    """
    return ".".join(reversed(name.removesuffix(".").split("."))) + "."
