"""Parses user data like cloud-init, as far as a release needs it; pure.

Keys and their meaning: cloud-init's module reference (cc_bootcmd, cc_write_files, cc_runcmd,
cc_ssh, cc_set_hostname). Unknown keys are ignored, as in cloud-init, but reported.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import shlex
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

_KNOWN = frozenset(
    ("ssh_keys", "bootcmd", "write_files", "runcmd", "hostname", "ssh_authorized_keys")
)
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class File:
    """A file to write on first boot; `append` adds to an existing file."""

    path: str
    content: bytes
    mode: int = 0o644
    append: bool = False


@dataclass(frozen=True)
class UserData:
    """The parsed user data of a machine.

    `bootcmd` is a sh script for every boot; `runcmd` one for the first; `script` is the whole of a
    user data that begins with `#!`. `host_key` is an ed25519 private key in OpenSSH's format.
    `complaints` go to the console.
    """

    hostname: str = ""
    host_key: str = ""
    authorized_keys: tuple[str, ...] = ()
    bootcmd: str = ""
    files: tuple[File, ...] = ()
    runcmd: str = ""
    script: bytes = b""
    complaints: tuple[str, ...] = ()


def parse(data: bytes) -> UserData:
    """Parse user data; invalid parts become complaints, never errors.

    A machine with broken user data boots nevertheless, as on AWS.
    """
    try:
        return _parse(gzip.decompress(data) if data.startswith(_GZIP) else data)
    except (ValueError, TypeError, EOFError, OSError, zlib.error, yaml.YAMLError) as error:
        return UserData(complaints=(f"user data not understood: {error}",))


def _parse(data: bytes) -> UserData:
    if not data.strip():
        return UserData()
    if data.startswith(b"#!"):
        return UserData(script=data)
    if not data.startswith(b"#cloud-config"):
        return UserData(complaints=("user data is neither #cloud-config nor a script: ignored",))
    config = yaml.safe_load(data) or {}
    if not isinstance(config, dict):
        return UserData(complaints=("#cloud-config is no mapping: ignored",))
    return _from_config(config)


def _from_config(config: Mapping[str, object]) -> UserData:
    keys = config.get("ssh_keys")
    keys = keys if isinstance(keys, dict) else {}
    return UserData(
        hostname=str(config.get("hostname") or ""),
        host_key=str(keys.get("ed25519_private") or ""),
        authorized_keys=tuple(str(key) for key in _list(config, "ssh_authorized_keys")),
        bootcmd=shellify(_list(config, "bootcmd")),
        files=tuple(_file(entry) for entry in _list(config, "write_files")),
        runcmd=shellify(_list(config, "runcmd")),
        complaints=tuple(f"unknown key {key}" for key in sorted(set(config) - _KNOWN)),
    )


def _list(config: Mapping[str, object], key: str) -> list[object]:
    value = config.get(key) or []
    if not isinstance(value, list):
        raise TypeError(f"{key} is no list")
    return value


def shellify(commands: list[object]) -> str:
    """One sh script: strings stay unchanged, argv lists are quoted (cloud-init's `shellify`)."""
    lines = []
    for command in commands:
        if isinstance(command, str):
            lines.append(command)
        elif isinstance(command, list):
            lines.append(" ".join(shlex.quote(str(word)) for word in command))
        elif command is not None:
            raise TypeError(f"a command is neither text nor list: {command!r}")
    return "#!/bin/sh\n" + "".join(f"{line}\n" for line in lines) if lines else ""


def _file(entry: object) -> File:
    if not isinstance(entry, dict) or not entry.get("path"):
        raise ValueError("an entry of write_files has no path")
    content = str(entry.get("content") or "").encode()
    return File(
        path=str(entry["path"]),
        content=_decode(content, str(entry.get("encoding") or "")),
        mode=_mode(entry.get("permissions")),
        append=bool(entry.get("append")),
    )


def _mode(value: object) -> int:
    """Permissions are octal text; a bare YAML number is used unchanged."""
    if value is None:
        return 0o644
    return value if isinstance(value, int) else int(str(value), 8)


def _decode(content: bytes, encoding: str) -> bytes:
    words = set(encoding.lower().replace("base64", "b64").replace("gzip", "gz").split("+")) - {""}
    try:
        if "b64" in words:
            content = base64.b64decode(content)
    except binascii.Error as error:
        raise ValueError(f"write_files: {error}") from error
    return gzip.decompress(content) if "gz" in words else content
