"""Ledgers for property tests: any that the transitions could have made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from hypothesis import strategies as st

from reconciler.model.deploy_id import SUFFIX_ALPHABET, DeployId
from reconciler.model.ledger import Kept, Lease, Ledger, LedgerHome, Live, Previous, Via
from tests.support.shared_databases import shared

EPOCH = datetime(2026, 11, 1, tzinfo=UTC)

moments = st.integers(0, 10_000_000).map(lambda n: EPOCH + timedelta(seconds=n))
suffixes = st.text(SUFFIX_ALPHABET, min_size=5, max_size=5)
ids = st.builds(DeployId, st.just("shop"), moments, suffixes)
_address = st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n)))
addresses = st.lists(_address, min_size=1, max_size=14, unique=True).map(
    lambda found: tuple(sorted(found))
)
instances = st.lists(st.sampled_from(["i-0a1", "i-0a2", "i-0a3"]), max_size=2, unique=True).map(
    tuple
)
homes = st.none() | st.builds(
    LedgerHome,
    st.sampled_from(["shop.example.com", "example.com", "_a.b-c.example.com"]),
    st.just("123456789012"),
    st.sampled_from(["eu-west-1", "us-gov-east-1"]),
)
places = st.lists(
    st.sampled_from(["Z1/shop._deploy.example.com", "Z0/shop._deploy.a.b-c.org"]), max_size=2
).map(tuple)
vias = st.sampled_from([None, *Via])
steps = st.sampled_from(["lease", "image", "follow-up", "commit"])


@st.composite
def _previous(draw: st.DrawFn, deploy: DeployId) -> Previous:
    """A previous entry, as text or by the number of its machines."""
    moment, marks = draw(moments), (draw(st.booleans()), draw(instances))
    via = draw(vias)
    if via is None:
        return Previous(deploy, moment, draw(addresses), *marks)
    return Previous(deploy, moment, (), *marks, draw(st.integers(1, 9999)), via)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """A ledger whose ids are all different, of one service."""
    named = draw(st.lists(ids, max_size=7, unique=True))
    flags = draw(st.tuples(st.booleans(), st.booleans()))
    live, lease = (named.pop() if named and flag else None for flag in flags)
    cut = draw(st.integers(0, len(named)))
    deploys = [*named, *([live] if live else []), *draw(st.lists(ids, max_size=2))]
    of = st.sampled_from(deploys or [draw(ids)])
    ledger = Ledger(
        gen=draw(st.integers(1, 10**9)),
        live=Live(live, draw(addresses), draw(instances), draw(vias)) if live else None,
        previous=tuple(draw(_previous(one)) for one in named[:cut]),
        kept=tuple(Kept(one, draw(moments)) for one in named[cut:]),
        lease=Lease(lease, draw(moments), draw(steps)) if lease else None,
        home=draw(homes),
        was=draw(places),
        moved=draw(st.sampled_from(["", "Z9/shop._deploy.example.org"])),
    )
    return shared(ledger, draw(st.dictionaries(of, of, max_size=3)))
