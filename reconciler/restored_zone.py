"""How the tags show that the ledger's hosted zone was deleted and restored (rule 12). Pure."""

from __future__ import annotations

from reconciler.birth import Home
from reconciler.resource import Inventory


def of_a_restored_zone(home: Home, inventory: Inventory) -> str:
    """A hosted zone that is deleted and restored has a new id: the tags name the old one.

    Its name is the same, so nobody but this service can have written them.
    """
    zone, _, name = home.ledger.partition("/")
    for one in inventory.resources:
        deploy, named = one.deploy, one.tags.get("deploy-ledger", "")
        if deploy is None or deploy.service != home.service or one.place != home.place:
            continue
        if named.partition("/")[2] == name and not home.owns(named):
            return (
                f"{one.id} of {deploy} names the ledger in hosted zone {named.partition('/')[0]}, "
                f"but the zone is {zone} now: it was deleted and restored, or there are two"
            )
    return ""
