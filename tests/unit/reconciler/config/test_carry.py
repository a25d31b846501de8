"""Which folders may be carried: none that a release writes itself, and only with a freeze."""

from __future__ import annotations

import pytest

from reconciler.config.carry import check_carry

FIXED = ("/srv/shop", "/etc/shop/env")


def check(*carry: str, files: str = "carry", freezes: bool = True) -> None:
    """Check these folders of a service."""
    check_carry(files, carry, freezes=freezes, fixed=FIXED)


def test_folders_that_can_be_carried() -> None:
    """Also one inside the code's folder, and several."""
    check("/srv/shop/uploads", "/var/lib/shop/photos")
    check(files="none", freezes=False)


@pytest.mark.parametrize(
    ("carry", "why"),
    [
        (("/srv",), "is not a folder below a top folder"),
        (("/srv/../etc/x",), "in short form"),
        (("/srv/a/",), "in short form"),
        (("/srv/shop",), "/srv/shop holds /srv/shop, which has an entry of its own"),
        (("/etc/shop",), "/etc/shop holds /etc/shop/env"),
        (("/srv/a", "/srv/a/b"), "/srv/a holds /srv/a/b"),
        (("/srv/a", "/srv/a"), "/srv/a holds /srv/a"),
    ],
)
def test_folders_that_cannot(carry: tuple[str, ...], why: str) -> None:
    """The message names the folder and the other entry."""
    with pytest.raises(ValueError, match=why):
        check(*carry)


def test_without_a_freeze_uploads_would_be_lost() -> None:
    """Acknowledged after the last pass, and nothing would say so."""
    with pytest.raises(ValueError, match='copy = "always" and writes = "freeze"'):
        check("/srv/uploads", freezes=False)
