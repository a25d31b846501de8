"""The tags everything is born with: what `mark` later goes by."""

from __future__ import annotations

import pytest

from reconciler.model import tags as t
from reconciler.model.tags import AccountRegion, BirthTags, Label, label_of, part
from tests.support.shop_world import DEAD, LEDGER, PLACE

BIRTH = BirthTags(DEAD, LEDGER, PLACE, "v1.5.0", "me@here", host_key="ssh-ed25519 AAAA")


def test_the_birth_certificate() -> None:
    """Id, state, ledger, kind and place of birth are in the very create call."""
    tags = BIRTH.of("volume")
    assert tags == {
        "deploy-id": str(DEAD),
        "deploy-state": "pending",
        "deploy-ledger": LEDGER,
        "deploy-part": "volume@123456789012/eu-west-1",
        "deploy-release": "v1.5.0",
        "deploy-by": "me@here",
        "Name": "shop v1.5.0",
    }


def test_only_machines_carry_a_host_key() -> None:
    """An image that carried it would hand the machine's identity to its clones."""
    kinds = ("instance", "volume", "network-interface", "image", "snapshot", "database")
    assert [kind for kind in kinds if t.HOST_KEY in BIRTH.of(kind)] == ["instance"]
    assert t.HOST_KEY not in BirthTags(DEAD, LEDGER, PLACE, "v1", "me").of("instance")


def test_every_value_fits() -> None:
    """AWS refuses a value above 256 characters, and with it the whole create."""
    long = BirthTags(DEAD, LEDGER, PLACE, "v" * 400, "b" * 400)
    assert max(len(value) for value in long.of("instance").values()) == 256


def test_kind_and_place_tell_a_copy() -> None:
    """A copied tag names another kind, account or region."""
    here = part("image", PLACE)
    others = [
        part("snapshot", PLACE),
        part("image", AccountRegion(PLACE.account, "us-east-1")),
        part("image", AccountRegion("999999999999", PLACE.region)),
    ]
    assert here not in others


@pytest.mark.parametrize("label", list(Label))
def test_labels_are_read_as_written(label: Label) -> None:
    """Each label stands for itself."""
    assert label_of({t.STATE: label.value}) is label


@pytest.mark.parametrize("tags", [{}, {t.STATE: ""}, {t.STATE: "PENDING"}, {t.STATE: "deleted"}])
def test_what_is_no_label_is_none(tags: dict[str, str]) -> None:
    """Unknown words do not condemn: they are no label at all."""
    assert label_of(tags) is None
