"""A cure is pasted at 3 a.m.: each command that a message offers is one that the program takes."""

from __future__ import annotations

import click
import pytest

from tests.support.cures import Offer, offers, parsed

OFFERS = sorted(set(offers()), key=lambda one: (one.where, one.line))


def test_there_are_many() -> None:
    """The inventory finds them: another way of writing them must not hide them."""
    assert len(OFFERS) > 90


@pytest.mark.parametrize("offer", OFFERS, ids=lambda one: f"{one.where} {one.line}")
def test_every_offered_command_is_valid(offer: Offer) -> None:
    """Command, arguments and options exist, and their values are of the right form."""
    try:
        parsed(offer.line)
    except click.UsageError as error:
        pytest.fail(f"{offer.where}: {offer.line}: {error.format_message()}")
