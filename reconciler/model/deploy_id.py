"""The deploy-id: one attempt to release a service, and every name that derives from it.

    shop/20261123T031502Z-7kq2m  =  service, UTC second of birth, random suffix

All other names are pure functions of it, so that any process can look for what an attempt may have
created, without any stored state (protocol.md).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

SUFFIX_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Letters and digits that are not mistaken for each other when read aloud."""

SUFFIX_LENGTH = 5
TIME_FORMAT = "%Y%m%dT%H%M%SZ"

_SERVICE = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,27}")
_ID = re.compile(rf"({_SERVICE.pattern})/(\d{{8}}T\d{{6}}Z)-([{SUFFIX_ALPHABET}]{{5}})")
_NUMBER = re.compile(r"-(?:[2-9]|[1-9][0-9])")
_TOKEN_TAIL = re.compile(r"-([0-9a-f]{6})(\d{1,2})")


class InvalidDeployId(ValueError):
    """The text is not a deploy-id."""


def valid_service(name: str) -> bool:
    """Whether `name` can be a service: lower case, digits, single hyphens, at most 28 long."""
    return _SERVICE.fullmatch(name) is not None


def format_time(moment: datetime) -> str:
    """A moment as the ledger and the ids write it: `20261123T031502Z`."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def parse_time(text: str) -> datetime:
    """The moment written as `20261123T031502Z`. Raises ValueError for anything else."""
    moment = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    if format_time(moment) != text:
        raise ValueError(f"not a time: {text!r}")
    return moment


@dataclass(frozen=True, order=True)
class DeployId:
    """Service, UTC second of birth, random suffix. Orders by service, then by age."""

    service: str
    born: datetime
    suffix: str

    @classmethod
    def parse(cls, text: str) -> DeployId:
        """The id written as `text`. Raises InvalidDeployId unless it is exactly a deploy-id."""
        match = _ID.fullmatch(text)
        if match is None or not text.isascii():
            raise InvalidDeployId(f"not a deploy-id: {text!r}")
        try:
            born = parse_time(match[2])
        except ValueError as error:
            raise InvalidDeployId(f"not a deploy-id: {text!r}") from error
        return cls(match[1], born, match[3])

    @classmethod
    @lru_cache(maxsize=1 << 16)  # called many times for the tags of one inventory
    def maybe(cls, text: str | None) -> DeployId | None:
        """The id written as `text`, or None if it is not one."""
        try:
            return cls.parse(text or "")
        except InvalidDeployId:
            return None

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:  # an id is printed once for each of its resources
        return f"{self.service}/{format_time(self.born)}-{self.suffix}"

    @cached_property
    def stem(self) -> str:
        """The id as a plain lower-case name, at most 51 characters: base of the other names."""
        return f"{self.service}-{format_time(self.born).lower()}-{self.suffix}"

    @property
    def short(self) -> str:
        """The suffix alone, for narrow columns."""
        return self.suffix

    @property
    def image_name(self) -> str:
        """Name of the deploy's AMI: its natural idempotency key (CreateImage has no token)."""
        return self.stem

    @property
    def rds_identifier(self) -> str:
        """Identifier of the deploy's RDS instance or snapshot (1-63 letters, digits, hyphens)."""
        return self.stem

    def target_group_name(self, listener: str) -> str:
        """Name of the target group that this id makes for a listener or rule: 32 characters.

        AWS takes 32 letters, digits and single hyphens: the hash stands for what does not fit.
        """
        digest = hashlib.sha256(f"{self} {listener}".encode()).hexdigest()[:6]
        service = self.service[:6].rstrip("-")
        return f"{service}-{self.born:%y%m%d%H%M%S}-{self.suffix}-{digest}"

    def owns_name(self, name: str) -> bool:
        """Whether `name` is one that this id derives for a group, key pair or template.

        The stem, or the stem and a number from 2 if a deploy creates several of a kind. No other
        suffix: people who copy a resource append words (`…-copy`, `…-restored`).
        """
        tail = name.removeprefix(self.stem)
        return name.startswith(self.stem) and (not tail or bool(_NUMBER.fullmatch(tail)))

    def client_token(self, zone: str, attempt: int = 0) -> str:
        """ClientToken of the one RunInstances call, at most 64 ASCII characters.

        Idempotency is zonal when a subnet or zone is given, so another zone needs another token;
        so does another attempt after the first one's instances were terminated (aws.md §1).
        """
        digest = hashlib.sha256(zone.encode()).hexdigest()[:6]
        return f"{self.stem}-{digest}{attempt}"

    def owns_token(self, token: str, zone: str) -> bool:
        """Whether this id derives `token` for `zone`: part of the proof of ownership."""
        if not token.startswith(self.stem):
            return False
        match = _TOKEN_TAIL.fullmatch(token[len(self.stem) :])
        return match is not None and token == self.client_token(zone, int(match[2]))

    def database_name(self, ledger_address: str) -> str:
        """Name of the deploy's PostgreSQL database (at most 63 characters).

        Ends in six hex digits of the ledger's hash, so that two companies that share a server
        and a service name do not own each other's databases.
        """
        digest = hashlib.sha256(ledger_address.encode()).hexdigest()[:6]
        return f"{self.stem.replace('-', '_')}_{digest}"
