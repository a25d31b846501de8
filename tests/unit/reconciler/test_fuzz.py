"""The parsers, fed with anything: their own errors or none.

2,000 cases of each parser in `make test`, 100,000 in `make fuzz`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.loader import load
from reconciler.errors import ConfigError
from reconciler.gc.ownership import ServiceLocation, doubt, index
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId, InvalidDeployId
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import LedgerTextError, LedgerTooLong, decode, encode
from reconciler.model.resource import INSTANCE, Inventory, Resource
from reconciler.plan.plan_file import PlanFile
from reconciler.plan.plan_file import decode as read_plan
from reconciler.plan.plan_file import encode as write_plan
from tests.support import fuzz_inputs as n
from tests.support.hypothesis_profiles import CASES
from tests.support.shop_world import HOME, PLACE

pytestmark = pytest.mark.timeout(0 if CASES > 2000 else 240)
MANY = settings(max_examples=CASES)
FEWER = settings(max_examples=CASES // 5)
"""For what is written and read again: what was read is written again in the others."""


def _near_ledger(dice: Random) -> str:
    with suppress(LedgerTooLong):
        if dice.random() < 0.5:
            return n.mutated(dice, encode(n.a_ledger(dice)))
    return n.pieces(dice, n.LEDGER_PIECES, 24)


@MANY
@given(n.made(_near_ledger))
def test_any_text_is_a_ledger_or_none(text: str) -> None:
    """Whatever stands in the record: exactly a ledger's text, or LedgerTextError."""
    try:
        found = decode(text)
    except LedgerTextError:
        return
    assert encode(found) == text


@MANY
@given(n.made(n.a_ledger))
def test_a_ledger_comes_back_from_its_text(one: Ledger) -> None:
    """Written and read: the same."""
    try:
        text = encode(one)
    except LedgerTooLong:
        return
    assert decode(text) == one


def _near_id(dice: Random) -> str:
    return dice.choice((n.pieces(dice, n.ID_PIECES, 6), n.mutated(dice, str(n.an_id(dice)))))


@MANY
@given(n.made(_near_id))
def test_any_text_is_an_id_or_none(text: str) -> None:
    """An id is exactly its text; anything else is InvalidDeployId."""
    try:
        found = DeployId.parse(text)
    except InvalidDeployId:
        assert DeployId.maybe(text) is None
        return
    assert str(found) == text


@FEWER
@given(n.made(n.an_id), st.integers(0, 299))
def test_names_that_derive_from_an_id_are_its_own(one: DeployId, number: int) -> None:
    """Text, token and name lead back to the id, within AWS's lengths."""
    zone, attempt = ("eu-west-1a", "eu-west-1b", "")[number % 3], number // 3
    assert DeployId.parse(str(one)) == one
    token = one.client_token(zone, attempt)
    assert one.owns_token(token, zone)
    assert len(token) <= 64
    assert len(one.database_name(HOME.ledger)) <= 63


@MANY
@given(n.made(n.some_tags))
def test_any_tags_are_read(tags: dict[str, str]) -> None:
    """Tags are anybody's to write: they are judged, and never raise."""
    resource = Resource(INSTANCE, "i-1", PLACE, tags)
    assert resource.deploy is None or str(resource.deploy) == tags[t.ID]
    assert resource.label is None or resource.label.value == tags[t.STATE]
    assert isinstance(resource.hold, str)
    if resource.deploy is not None:
        home = ServiceLocation(resource.deploy.service, HOME.ledger, PLACE)
        assert doubt(resource, home, index(Inventory((resource,)).resources, PLACE))


@MANY
@given(n.made(n.near_plan))
def test_any_file_is_a_plan_or_refused_in_words(text: str) -> None:
    """Edited anywhere, its digest made anew or not: a plan that is written as read, or a line."""
    refused: list[ConfigError] = []
    try:
        found = read_plan(text)
    except ConfigError as error:
        refused.append(error)
    else:
        assert read_plan(write_plan(found, {})) == found
    assert not [one for one in refused if "\n" in one.message or "plan -o" not in one.cure]


@FEWER
@given(n.made(n.a_plan_file))
def test_a_plan_comes_back_from_its_file(one: PlanFile) -> None:
    """Written and read: the same, whatever is shown beside it."""
    assert read_plan(write_plan(one, {"services": [{"é": 1.5}], "orders": "x"})) == one


SHOP = Path(__file__).parents[3] / "config" / "services" / "shop.toml"


@functools.cache
def _lines() -> tuple[str, ...]:
    """The example without its explanations, which are most of it and of the time."""
    lines = (one.partition("  #")[0].rstrip() for one in SHOP.read_text("utf-8").splitlines())
    return tuple(one for one in lines if one and not one.startswith("#"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all cases: the file is written anew for each."""
    found = tmp_path_factory.mktemp("config")
    (found / "services").mkdir()
    return found


@MANY
@given(text=n.made(lambda dice: n.edited(dice, _lines())))
def test_any_configuration_is_read_or_refused_in_words(home: Path, text: str) -> None:
    """The example with lines changed or put in: settings, or a ConfigError that says where."""
    (home / "services" / "shop.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(ConfigError):
        assert "shop" in load(home).services


def test_the_nonsense_is_near_enough() -> None:
    """A fuzzer whose every case is refused at the door would look at nothing."""
    dice = [Random(seed) for seed in range(300)]
    for parse, build, wrong in NEAR:
        read = [_reads(parse, build(one), wrong) for one in dice]
        assert 0.02 < sum(read) / len(read) < 0.98, build


NEAR: tuple[tuple[Callable[[str], object], Callable[[Random], str], type[Exception]], ...] = (
    (decode, _near_ledger, LedgerTextError),
    (DeployId.parse, _near_id, InvalidDeployId),
    (read_plan, n.near_plan, ConfigError),
)


def _reads(parse: Callable[[str], object], text: str, wrong: type[Exception]) -> bool:
    try:
        parse(text)
    except wrong:
        return False
    return True
