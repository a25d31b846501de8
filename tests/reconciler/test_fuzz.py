"""The parsers, fed with anything: their own errors or none.

2,000 cases in `make test`, 100,000 of each parser in `make fuzz`.

Plan files belong here as soon as plans are read back from JSON.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import tags as t
from reconciler.birth import Home, doubt, index
from reconciler.deploy_id import DeployId, InvalidDeployId
from reconciler.errors import ConfigError
from reconciler.ledger_text import LedgerTextError, LedgerTooLong, decode, encode
from reconciler.resource import INSTANCE, Inventory, Resource
from reconciler.settings import load
from tests.hypothesis_profiles import EACH
from tests.reconciler.ledgers import ids, ledgers
from tests.shop_world import HOME, PLACE

pytestmark = pytest.mark.timeout(0 if EACH > 2000 else 240)
MANY = settings(max_examples=EACH)
FILES = settings(
    max_examples=EACH,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

_PIECES = st.sampled_from(
    (
        '"',
        '" "',
        "v=1",
        "gen=41",
        "live=",
        "shop/20261123T031502Z-aaaaa",
        "shop/20261323T031502Z-aaaaa",
        "at=10.0.1.17",
        ",10.0.1.300",
        "previous=",
        "retired=20261123T031502Z",
        "rejected",
        "kept=",
        "until=20261123T031502Z",
        "lease=",
        "step=image",
        " ",
        "\\",
        "\x00",
        "²",
        "é",
    )
)
near_ledgers = st.one_of(
    st.lists(_PIECES, max_size=24).map("".join), st.lists(_PIECES, max_size=12).map(" ".join)
)


@MANY
@given(st.one_of(near_ledgers, st.text(max_size=300)))
def test_any_text_is_a_ledger_or_none(text: str) -> None:
    """Whatever stands in the record: exactly a ledger's text, or LedgerTextError."""
    try:
        found = decode(text)
    except LedgerTextError:
        return
    assert encode(found) == text


@MANY
@given(ledgers())
def test_a_ledger_comes_back_from_its_text(one: object) -> None:
    """Written and read: the same."""
    try:
        text = encode(one)  # type: ignore[arg-type]
    except LedgerTooLong:
        return
    assert decode(text) == one


_ID_PIECES = st.sampled_from(
    (
        "shop",
        "a-b",
        "/",
        "-",
        "20261123T031502Z",
        "00000000T000000Z",
        "99991231T235959Z",
        "7kq2m",
        "0oil1",
        "²",
        "٣",
        "\n",
        "",
    )
)


@MANY
@given(st.one_of(st.lists(_ID_PIECES, max_size=6).map("".join), st.text(max_size=60)))
def test_any_text_is_an_id_or_none(text: str) -> None:
    """An id is exactly its text; anything else is InvalidDeployId."""
    try:
        found = DeployId.parse(text)
    except InvalidDeployId:
        assert DeployId.maybe(text) is None
        return
    assert str(found) == text


@MANY
@given(ids, st.sampled_from(("eu-west-1a", "eu-west-1b", "")), st.integers(0, 99))
def test_names_that_derive_from_an_id_are_its_own(one: DeployId, zone: str, attempt: int) -> None:
    """Text, token and name lead back to the id, within AWS's lengths."""
    assert DeployId.parse(str(one)) == one
    token = one.client_token(zone, attempt)
    assert one.owns_token(token, zone)
    assert len(token) <= 64
    assert len(one.database_name(HOME.ledger)) <= 63


_KEYS = (t.ID, t.STATE, t.LEDGER, t.PART, t.HOST_KEY, t.HOLD, t.RELEASE, "Name", "aws:x")
_VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from((HOME.ledger, t.part(INSTANCE, PLACE), "pending", "live", "@", "a@b/c/d")),
    ids.map(str),
)


@MANY
@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES))
def test_any_tags_are_read(tags: dict[str, str]) -> None:
    """Tags are anybody's to write: they are judged, and never raise."""
    thing = Resource(INSTANCE, "i-1", PLACE, tags)
    assert thing.deploy is None or str(thing.deploy) == tags[t.ID]
    assert thing.label is None or thing.label.value == tags[t.STATE]
    assert isinstance(thing.hold, str)
    if thing.deploy is not None:
        home = Home(thing.deploy.service, HOME.ledger, PLACE)
        assert doubt(thing, home, index(Inventory((thing,)).resources, PLACE))


SHOP = Path(__file__).parents[2] / "config" / "services" / "shop.toml"


@functools.cache
def _lines() -> tuple[str, ...]:
    return tuple(SHOP.read_text(encoding="utf-8").splitlines())


_JUNK = st.one_of(
    st.sampled_from(
        (
            "[",
            "[[smoke]]",
            "keep = -1",
            'record = ""',
            "x = 1",
            'account = "12"',
            "keep = 1e400",
            'max_freeze = "9999999999d"',
            "count = 10000000000000000000000",
            'key = "env:"',
            "= =",
            "files = []",
            'limit = "²m"',
            "[ssh]",
            "[database]",
            "a.b.c = 1979-05-27",
            '"" = {}',
        )
    ),
    st.text(max_size=30),
)
_EDITS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from((0, 1)), _JUNK), max_size=5)


@FILES
@given(edits=_EDITS)
def test_any_configuration_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, str]]
) -> None:
    """The example with lines replaced or put in: settings, or a ConfigError that says where."""
    lines = list(_lines())
    for place, replaced, junk in edits:
        at = place % len(lines)
        lines[at : at + replaced] = [junk]
    home = _directory(tmp_path_factory)
    path = home / "services" / "shop.toml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    with suppress(ConfigError):
        assert "shop" in load(home).services


_homes: dict[int, Path] = {}


def _directory(factory: pytest.TempPathFactory) -> Path:
    """One directory for all cases: the file is written anew for each."""
    if id(factory) not in _homes:
        home = factory.mktemp("config")
        (home / "services").mkdir()
        _homes[id(factory)] = home
    return _homes[id(factory)]
