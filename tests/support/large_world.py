"""A world of any number of resources: one service that leaked for months."""

from __future__ import annotations

from datetime import timedelta

from reconciler.cost.audit import Report, report
from reconciler.cost.price_list import Prices
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource
from reconciler.model.tags import Label
from tests.support.shop_world import ALL, CLEAN, DEAD, planned, resources


def large_world(count: int) -> list[Resource]:
    """So many resources: shop's own, and those of releases that died, one every half an hour."""
    found = list(ALL)
    number = 1000
    while len(found) < count:
        born = DEAD.born - timedelta(minutes=30 * (number - 999))
        dead = DeployId("shop", born, f"{number:05x}"[-5:].translate(_ALPHABET))
        found += resources(dead, f"v0.{number}", Label.PENDING, number)
        number += 1
    return found[:count]


def large_report(count: int) -> Report:
    """Its audit."""
    return report(planned(CLEAN, large_world(count)), Prices())


_ALPHABET = str.maketrans("01", "xy")
