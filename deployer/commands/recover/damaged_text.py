"""What a damaged ledger text still says that no label does. Pure.

Who was rolled back from: without it the next rollback would choose that deploy. And who holds the
lease: a release that is at work must not be ended without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from reconciler.model.deploy_id import DeployId, parse_time
from reconciler.model.ledger import Lease, Ledger, Previous

_REJECTED = re.compile(r"\"previous=(\S+) retired=(\d{8}T\d{6}Z)[^\"]*\brejected\b")
_LEASE = re.compile(r"\"lease=(\S+) until=(\d{8}T\d{6}Z) step=([a-z-]+)")


def salvaged(text: str) -> Ledger:
    """A ledger with these entries alone; generation 0, so that nothing takes it for a whole one."""
    lease = next(_leases(text), None)
    return Ledger(gen=0, previous=tuple(_rejected(text)), lease=lease)


def _rejected(text: str) -> Iterator[Previous]:
    for name, retired in _REJECTED.findall(text):
        deploy = DeployId.maybe(name)
        with suppress(ValueError):
            if deploy is not None:
                yield Previous(deploy, parse_time(retired), rejected=True)


def _leases(text: str) -> Iterator[Lease]:
    for name, until, step in _LEASE.findall(text):
        deploy = DeployId.maybe(name)
        with suppress(ValueError):
            if deploy is not None:
                yield Lease(deploy, parse_time(until), step)
