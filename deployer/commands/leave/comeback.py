"""What `deployer adopt` needs to bring a service back that has left.

The deploy that left is still rooted, so its id may be live again: its database has a name that
derives from that id, and belongs to no other.
"""

from __future__ import annotations

from dataclasses import replace

from deployer.compute import InstanceFacts
from deployer.ports import Ports
from deployer.release.steps.guard import new_id
from reconciler.database.identity import claims
from reconciler.database.state_comment import Memory
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.reading import Reading


def deploy_of(ports: Ports, reading: Reading, machine: InstanceFacts) -> DeployId:
    """The id under which a machine is adopted: its former one if it has left, else a new one.

    Raises Refused for a machine that is still tagged: its service has not left completely.
    """
    left = reading.ledger.left
    if left is None:
        return new_id(ports.managed.name, reading)
    if machine.tags.get(t.ID) == str(left.id):
        raise Refused(
            f"{ports.managed.name} is still leaving: {machine.id} carries our tags",
            cure=f"To finish that first     deployer leave {ports.managed.name}",
        )
    same = machine.id in left.ids
    return left.id if same else new_id(ports.managed.name, reading)


def give_memory(ports: Ports, reading: Reading, deploy: DeployId) -> None:
    """Give the database that the returning deploy uses its state comment again.

    Before the ledger says that it is live: it is rooted already, and an adoption that is repeated
    finds no deploy that left. Only a database with exactly its name gets one.
    """
    old = reading.ledger
    if old.left is None or old.left.id != deploy or ports.service.database is None:
        return
    server, address = ports.managed.reach.databases(), str(ports.managed.address)
    owner = old.database_of(deploy)
    for claim in claims(server.databases(), address, old.was):
        info = claim.info
        if claim.deploy == owner and claim.born and not claim.making and info.memory is None:
            # Its name derives from the address of its birth: else it would pass for an adopted one.
            at = (one for one in old.was if owner.database_name(one) == info.name)
            memory = Memory(owner, address, reading.now, old.gen, note=info.foreign)
            born = next(at, "")
            server.remember(info, replace(memory, name=info.name, oid=info.oid, born=born))
