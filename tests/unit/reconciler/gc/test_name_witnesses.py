"""Rule 13: a deploy that served is kept while another name of its zones may lead to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import CloudUnclear
from reconciler.gc.mark import mark
from reconciler.gc.name_witnesses import named, verdicts
from reconciler.gc.other_names import OtherNames
from reconciler.gc.verdict import Reason
from reconciler.model import tags as t
from reconciler.model.resource import Inventory
from reconciler.model.tags import Label
from tests.support.shop_world import ALL, CLEAN, DEAD, root

SERVED = tuple(
    replace(one, tags={**one.tags, t.STATE: Label.LEFT.value}) if one.deploy == DEAD else one
    for one in ALL
)
"""The small world in which the dead release once served, and was forgotten."""
UNREAD = OtherNames.unread(CloudUnclear("ListResourceRecordSets got no answer"))


def collected(names: OtherNames, resources: tuple[object, ...] = SERVED) -> set[str]:
    """What a sweep deletes where these are the other names."""
    seen = Inventory(resources)  # type: ignore[arg-type]
    found = mark(seen, {"shop": replace(root(CLEAN), names=names)})
    return {one.resource.id for one in found if one.collect}


def test_a_name_that_leads_to_a_deploy_keeps_all_of_it() -> None:
    """`www` beside the record: machine, disk, image and database stay, and it is said why."""
    names = OtherNames({"www.example.com": ("10.0.1.41", "192.0.2.1")})
    assert collected(names) == set()
    assert named(replace(root(CLEAN), names=names), SERVED)[DEAD] == ("www.example.com",)
    reason, text = verdicts(replace(root(CLEAN), names=names), SERVED)[DEAD]
    assert (reason, text) == (Reason.WITNESSED, "www.example.com holds an address of its deploy")


def test_a_name_that_leads_elsewhere_keeps_nothing() -> None:
    """Otherwise nothing would ever go."""
    names = OtherNames({"www.example.com": ("192.0.2.1",)})
    assert "i-41" in collected(names)


def test_names_that_could_not_be_listed_keep_what_served() -> None:
    """Unknown is not empty; what never served does not wait for them."""
    assert collected(UNREAD) == set()
    assert "i-41" in collected(UNREAD, ALL)
    reason, text = verdicts(replace(root(CLEAN), names=UNREAD), SERVED)[DEAD]
    assert reason is Reason.UNKNOWN
    assert "got no answer" in text


@pytest.mark.parametrize("vouched", ["www.example.com", "WWW.example.com."])
def test_a_name_that_the_operator_vouches_for_keeps_nothing(vouched: str) -> None:
    """`--despite www.example.com`, however it is spelt."""
    names = OtherNames({"www.example.com": ("10.0.1.41",)})
    assert "i-41" in collected(names.without([vouched]))
