"""Waits until created resources are listed: "no instances found" right after a create is no answer.

EC2's listings lag behind its creates (aws.md §1); a sweep that lists too early finds nothing and
reports clean. The release knows its own resource ids, so it waits for exactly these.
"""

from __future__ import annotations

import time

from deployer.release.context import ReleaseContext
from reconciler.errors import AccessDenied
from reconciler.model.resource import IMAGE, INSTANCE, TARGET_GROUP
from reconciler.model.tag_summary import TagSummary
from reconciler.sweep.absence import STATES
from reconciler.util.backoff import Backoff

LISTED = Backoff(first=0.2, longest=5.0, deadline=120.0)


def wait_until_listed(run: ReleaseContext, pace: Backoff = LISTED) -> bool:
    """Wait until every machine and image of this run is listed by its tags, or gone.

    False at the deadline, or when permissions hide the missing resources, where waiting does not
    help: then a later sweep has to list again.
    """
    missing = dict.fromkeys(run.created.launched, INSTANCE)
    missing |= dict.fromkeys(run.created.joined, TARGET_GROUP)
    if run.created.image and run.created.image_order is not None:
        missing[run.created.image] = IMAGE
    for _ in pace.attempts() if missing else ():
        seen = run.ports.managed.heap.tag_summary()
        missing = _without(missing, {one for ids in seen.groups.values() for one in ids})
        if not missing:
            break
        missing = _without(missing, _ended(run))
        if _denied(seen).issuperset(missing.values()):
            break
    return not missing


def _without(missing: dict[str, str], there: set[str]) -> dict[str, str]:
    return {one: kind for one, kind in missing.items() if one not in there}


def _denied(listed: TagSummary) -> set[str]:
    """The kinds that we lack permission to list."""
    return {gap.kind for gap in listed.gaps if gap.refusal is AccessDenied}


def _ended(run: ReleaseContext) -> set[str]:
    found = run.ports.compute.instances(run.created.launched) if run.created.launched else ()
    ended = {one.id for one in found if one.state in STATES}
    return ended | ({run.created.image} if _image_is_gone(run) else set())


def _image_is_gone(run: ReleaseContext) -> bool:
    """Whether another sweep deleted the image, which was seen before."""
    created = run.created
    if not created.image or not (created.image_seen.seen or created.launch_order is not None):
        return False
    found = run.ports.compute.image(created.image)
    gone = created.image_seen.update(found.state if found else None, time.monotonic())
    # It was available, for minutes, before any launch from it: one read suffices.
    return gone or (found is None and created.launch_order is not None)
