"""The SSH host keys of a machine: the first by cloud-init, the next made there; clients pin them.

The first private key is in the user data, which others may read: it only serves until the machine
has made a key of its own. The public key is in the tag `deploy-host-key`, so that a later process,
which has nothing on disk, can pin it too. The tag has both keys while one replaces the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reconciler.errors import ConfigError

ALGORITHM = "ssh-ed25519"
_BLOB_PREFIX = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
_BLOB_LENGTH = len(_BLOB_PREFIX) + 32


@dataclass(frozen=True)
class PublicHostKey:
    """An ed25519 host key's public half, as SSH sends it: 51 bytes."""

    blob: bytes

    @classmethod
    def parse(cls, text: str) -> PublicHostKey:
        """The key written as `ssh-ed25519 AAAA… [comment]`: a tag, a `.pub` file, `ssh-keyscan`.

        Raises ConfigError for anything else.
        """
        words = text.split()
        if len(words) < 2 or words[0] != ALGORITHM:
            raise ConfigError(f"not an ed25519 host key: {text[:40]!r}")
        try:
            return cls.from_blob(base64.b64decode(words[1], validate=True))
        except binascii.Error as error:
            raise ConfigError(f"not an ed25519 host key: {text[:40]!r}") from error

    @classmethod
    def from_blob(cls, blob: bytes) -> PublicHostKey:
        """The key in SSH's wire encoding (RFC 8709). Raises ConfigError if it is another kind."""
        if len(blob) != _BLOB_LENGTH or not blob.startswith(_BLOB_PREFIX):
            raise ConfigError("not an ed25519 host key")
        return cls(blob)

    @property
    def tag_value(self) -> str:
        """One line of 80 characters; a tag holds 256, and allows all characters of this one."""
        return f"{ALGORITHM} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` as `ssh-keygen -l` and the console output show it."""
        return fingerprint(self.blob)

    def accepts(self, blob: bytes) -> bool:
        """Whether the machine that shows this key is the one that is meant."""
        return blob == self.blob


@dataclass(frozen=True)
class HostKeyChange:
    """The key that a machine has, and the one that it is about to have: it may show either."""

    old: PublicHostKey
    new: PublicHostKey

    @property
    def tag_value(self) -> str:
        """Both keys: 161 characters."""
        return f"{self.old.tag_value} {self.new.tag_value}"

    @property
    def fingerprint(self) -> str:
        """Both fingerprints, for messages."""
        return f"{self.old.fingerprint} or {self.new.fingerprint}"

    def accepts(self, blob: bytes) -> bool:
        """Whether it is exactly one of the two."""
        return self.old.accepts(blob) or self.new.accepts(blob)


PinnedKey = PublicHostKey | HostKeyChange
"""What a machine has to show."""


def parse_pinned(tag: str) -> PinnedKey:
    """The key or keys in the tag `deploy-host-key`. Raises ConfigError."""
    words = tag.split()
    first = PublicHostKey.parse(" ".join(words[:2]))
    if len(words) < 4 or words[2] != ALGORITHM:
        return first
    return HostKeyChange(first, PublicHostKey.parse(" ".join(words[2:])))


def fingerprint(blob: bytes) -> str:
    """The `SHA256:…` fingerprint of any public key in wire encoding."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


@dataclass(frozen=True)
class HostKey:
    """A key pair. `private` is OpenSSH PEM text: a secret, kept out of every repr.

    The PEM text holds a random check word, so it is made once and passed on: the user data, and
    with it a replayed RunInstances, must have the same bytes.
    """

    private: str = field(repr=False)
    public: PublicHostKey


def make_host_key() -> HostKey:
    """A new ed25519 pair."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return HostKey(private.decode(), PublicHostKey.parse(public.decode()))
