"""What decides a resource's price beside its kind, type, size and state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BillingTerms:
    """Facts of a description that only matter for the bill.

    platform       an instance's PlatformDetails; '' if unknown, taken for Linux
    tenancy        default, dedicated or host;  lifecycle: spot, scheduled or ''
    first_started  when an instance was launched: its `created` is its latest start
    stopped        when it stopped, if its description says so
    iops           provisioned, of a volume or a database server; 0 if unknown
    throughput     of a volume, in MiB/s; 0 if unknown
    storage        a database server's: gp2, gp3, io1, …
    """

    platform: str = ""
    tenancy: str = ""
    lifecycle: str = ""
    first_started: datetime | None = None
    stopped: datetime | None = None
    iops: int = 0
    throughput: int = 0
    storage: str = ""


NO_TERMS = BillingTerms()
