"""The pure core alone: the rows of a tag index, from the first to the finished plan.

    python -m tests.bench.core ROWS GARBAGE_PER_CENT [--memory]

Prints seconds and MiB as JSON. Memory is what Python allocates above what it had before; to count
it takes time of its own, so it is counted in another run.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Root
from reconciler.model import tags as t
from reconciler.model.resource import Inventory, Resource
from reconciler.model.tag_summary import Group, Row, TagSummary, grouped
from reconciler.model.tags import BirthTags, Label
from reconciler.plan.planner import plan
from reconciler.plan.prefilter import choose
from reconciler.plan.service_plan import SweepRequest
from reconciler.util.gc_tuning import SELDOM
from tests.bench.fleet import BORN, KINDS, PLACE, SERVICES, ZONE, deploy_of, ledger_of, services


def main() -> None:
    """Measure once."""
    rows, share = (int(word) for word in sys.argv[1:3])
    traced = sys.argv[3:] == ["--memory"]
    if traced:
        tracemalloc.start()
    gc.set_threshold(SELDOM)  # as the commands do
    began, began_cpu = time.perf_counter(), time.process_time()
    roots = {name: _root(name) for name in services()}
    tag_summary = TagSummary(PLACE, grouped(_rows(rows, share)))
    choice = choose(tag_summary, (), roots, {})
    resources = [
        one for group, ids in choice.wanted.items() for one in _described(group, tuple(ids))
    ]
    whole = plan(
        Inventory(tuple(resources), plain=choice.plain), roots, dict.fromkeys(roots, SweepRequest())
    )
    seconds, used = time.perf_counter() - began, time.process_time() - began_cpu
    deletes = sum(len(one.deletes) for one in whole.services)
    if traced:  # which takes time of its own
        said: dict[str, float] = {"memory": tracemalloc.get_traced_memory()[1] / 2**20}
    else:
        said = {"seconds": seconds, "cpu": used, "deletes": deletes}
    print(json.dumps(said))


def _root(name: str) -> Root:
    ledger = ledger_of(name)
    assert ledger.live is not None
    home = ServiceLocation(name, f"Z1/{name}._deploy.example.com", PLACE)
    return Root(home, BORN + timedelta(days=3), ledger, ledger.live.at)


def _rows(count: int, share: int) -> Iterator[Row]:
    """Two rows a resource, in the order of ids."""
    texts = [[str(deploy_of(name, hours)) for hours in (0, 1)] for name in services()]
    for number in range(count // 2):
        kind = KINDS[number % 3]
        garbage = number % 100 < share
        id_ = f"{kind}-{number:017x}"
        yield kind, id_, t.ID, texts[number % SERVICES][garbage]
        yield kind, id_, t.STATE, "failed" if garbage else "live"


def _described(group: Group, ids: tuple[str, ...]) -> Iterator[Resource]:
    """What EC2 would say of these."""
    service = group.deploy.partition("/")[0]
    deploy = deploy_of(service, 1)
    birth = BirthTags(deploy, f"Z1/{service}._deploy.example.com", PLACE, "v1", "bench")
    tags = {**birth.of(group.kind), t.STATE: Label.FAILED.value}
    token = deploy.client_token(ZONE)
    for one in ids:
        yield Resource(group.kind, one, PLACE, tags, token=token, zone=ZONE)


if __name__ == "__main__":
    main()
