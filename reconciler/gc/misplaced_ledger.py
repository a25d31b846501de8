"""Signs that a ledger, or its configuration, belongs elsewhere (protocol.md, rule 12). Pure.

A ledger names its home. A ledger of an older version does not, and a ledger restored from a
backup may name a home that its service has left: the resources show which home is right.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Root
from reconciler.model.resource import DATABASE, Inventory


def in_sight(root: Root, inventory: Inventory) -> Root:
    """The root; unknown if an older ledger names resources and none of them is here.

    Machines in another account or region cannot be seen, nor can the resources that keep them.
    Not checked for an unfinished-only listing, which shows no rooted resource.
    """
    ledger = root.ledger
    if root.problem or ledger.home is not None or ledger.live is None:
        return root
    known = {resource.deploy for resource in inventory.resources if resource.kind != DATABASE}
    known |= {deploy for deploy, _ in inventory.plain}
    if not ledger.rooted.isdisjoint(known):
        return root
    name = root.home.service
    return replace(
        root,
        problem=f"nothing that the ledger names is in {root.home.place}",
        cure=f"Correct `account` and `region` in services/{name}.toml, if they are wrong.\n"
        f"If everything is gone     delete the A record, then   deployer recover {name}",
    )


def of_a_restored_zone(home: ServiceLocation, inventory: Inventory) -> str:
    """A hosted zone that was deleted and restored has a new id: the tags name the old id.

    The ledger's name is the same, so only this service can have written these tags.
    """
    zone, _, name = home.ledger.partition("/")
    for resource in inventory.resources:
        deploy, named = resource.deploy, resource.tags.get("deploy-ledger", "")
        if deploy is None or deploy.service != home.service or resource.place != home.place:
            continue
        if named.partition("/")[2] == name and not home.owns(named):
            former = named.partition("/")[0]
            return (
                f"{resource.id} of {deploy} names the ledger in hosted zone {former}, "
                f"but the zone is {zone} now: it was deleted and restored, or there are two"
            )
    return ""
