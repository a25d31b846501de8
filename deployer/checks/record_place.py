"""Says where the record was found, if more than one hosted zone may hold it.

A delegated zone beside a record of its parent, or a private zone beside a public one: a release
changes one of them, and clients may ask the other.
"""

from __future__ import annotations

from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model.reading import Reading


def refuse_elsewhere(ports: Ports, reading: Reading) -> None:
    """Raise Refused if the record is missing in its zone, and stands in another one."""
    said = _others(ports, reading)
    if reading.a is not None or not said:
        return
    address = reading.address
    raise Refused(
        f"{address.record} has no A record in {address.zone} ({address.zone_id}), where it is "
        f"looked for, but {said} has one",
        cure=(
            f"To use that record   zone = the id of that zone, in services/{address.service}.toml\n"
            f"If clients ask {address.zone_id}   delete the other record, then try again"
        ),
    )


def elsewhere_notes(ports: Ports, reading: Reading) -> tuple[str, ...]:
    """A note on the zones that hold the record as well, and are not changed."""
    said = _others(ports, reading)
    if not said:
        return ()
    address = reading.address
    note = f"{address.record} is the record in {address.zone} ({address.zone_id}); {said} has it"
    return (f"{note} as well, which is not changed: `zone` chooses",)


def _others(ports: Ports, reading: Reading) -> str:
    found = ports.managed.ledgers.elsewhere(reading.address)
    return "; ".join(f"{zone}: {', '.join(kinds)}" for zone, kinds in found.items())
