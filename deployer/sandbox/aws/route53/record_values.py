"""Checks record values as Route 53 does. Pure: type and values in, error messages out.

Source: Route 53 Developer Guide, "Supported DNS record types".
"""

from __future__ import annotations

import ipaddress
import re

MAX_STRING = 255
MAX_VALUE = 4000
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(?:[0-3][0-7]{2}|.)")


def complaint(record_type: str, value: str) -> str:
    """Why this value is invalid for a record of that type; empty when it is valid."""
    if record_type == "A":
        return _address(value, 4, "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)")
    if record_type == "AAAA":
        return _address(
            value, 6, "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
        )
    if record_type in ("TXT", "SPF"):
        return _text(value)
    return "" if value.strip() else _fatal("EmptyValue (Value is empty)", value)


def _fatal(problem: str, value: str) -> str:
    return f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"


def _address(value: str, version: int, problem: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return _fatal(problem, value)
    return "" if address.version == version else _fatal(problem, value)


def _text(value: str) -> str:
    if len(value) > MAX_VALUE:
        return _fatal("RDATATooLong (Value is too long)", value[:40] + "…")
    strings = _QUOTED.findall(value)
    between = _QUOTED.sub("", value)
    if not strings or between.strip():
        text = "InvalidCharacterString (Value should be enclosed in quotation marks)"
        return _fatal(text, value)
    if any(len(_ESCAPED.sub("x", string)) > MAX_STRING for string in strings):
        return _fatal("CharacterStringTooLong (Value is too long)", value[:40] + "…")
    return ""
