"""The live v1 under its ledger again, without asking `adopt` each time.

Hundreds of tests begin with an adopted company, in a sandbox whose first day always comes out
the same. What the first `adopt` wrote, a record and the tags of one machine, is written again by
hand after each reset. That nothing else is written is shown in `tests/e2e/test_adopt.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support.company import Change, Company

HOST_KEY = "deploy-host-key"


@dataclass(frozen=True)
class Adoption:
    """What `adopt` wrote in one sandbox; `zone` and `machine` are what it wrote it to."""

    zone: str
    machine: str
    ledger: str
    tags: dict[str, str]


_first: dict[str, Adoption] = {}


def adopt(company: Company) -> None:
    """As `company.adopt()`: by the command itself if it is this sandbox's first, else by hand."""
    where = company.zone_id(), _machine(company)
    known = _first.get(company.sandbox.endpoint)
    if known is not None and (known.zone, known.machine) == where:
        _write(company, known)
        return
    company.adopt()
    tags = company.tags(where[1])
    _first[company.sandbox.endpoint] = Adoption(*where, company.ledger(), tags)


def _machine(company: Company) -> str:
    """The id of the machine that the record names."""
    live = company.pointed_at()
    (found,) = (one for one in company.instances() if one["PrivateIpAddress"] in live)
    return str(found["InstanceId"])


def _host_key(company: Company, machine: str) -> str:
    """The one thing that is another each time the company is founded: as the console shows it."""
    console = company.aws("ec2").get_console_output(InstanceId=machine)["Output"]
    (found,) = set(re.findall(r"ssh-ed25519 \S+", console))
    return str(found)


def _write(company: Company, known: Adoption) -> None:
    company.change_records(Change("CREATE", [known.ledger]))
    written = known.tags | {HOST_KEY: _host_key(company, known.machine)}
    tags = [{"Key": key, "Value": value} for key, value in written.items()]
    company.aws("ec2").create_tags(Resources=[known.machine], Tags=tags)
