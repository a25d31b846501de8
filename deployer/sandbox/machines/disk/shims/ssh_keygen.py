"""`ssh-keygen -t ed25519 -f FILE`, for machines on a host that has no OpenSSH. ssh-keygen(1)."""

from __future__ import annotations

import argparse
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


def main() -> None:
    """Write the pair; refuses what it does not imitate by argparse's error."""
    parser = argparse.ArgumentParser("ssh-keygen")
    parser.add_argument("-q", action="store_true")
    parser.add_argument("-t", choices=["ed25519"], required=True)
    parser.add_argument("-N", choices=[""], required=True)
    parser.add_argument("-C", default="")
    parser.add_argument("-f", type=Path, required=True)
    given = parser.parse_args()
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    given.f.touch(0o600, exist_ok=False)
    given.f.write_bytes(private)
    Path(f"{given.f}.pub").write_text(f"{public.decode()} {given.C}".rstrip() + "\n")


if __name__ == "__main__":
    main()
