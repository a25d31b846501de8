"""The journal fails from any step on, in any way: the release ends as without one.

`tests/unit/deployer/journal/test_recorder.py` asks the same of every end of a release, at every
step, of a journal in memory; here it is the sandbox's S3, and the whole release.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import STEPS, Shop, release_id
from tests.e2e.probes import die_in
from tests.support.company import Done

pytestmark = pytest.mark.timeout(300)

BUCKET = "the-journal"
CORRUPT = b"\xff nobody's entry"


def _corrupt(shop: Shop) -> None:
    """Somebody writes over every entry that there is."""
    s3 = shop.aws("s3")
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.put_object(Bucket=BUCKET, Key=one["Key"], Body=CORRUPT)


def _struck(kind: str, **more: str | float) -> Callable[[Shop], None]:
    def strike(shop: Shop) -> None:
        for action in ("s3:PutObject", "s3:GetObject", "s3:ListObjectsV2"):
            shop.faults.set(action, kind, times=0, **more)

    return strike


FAULTS: dict[str, Callable[[Shop], None]] = {
    "unreachable": _struck("drop_reply"),
    "failing": _struck("error500"),
    "denied": _struck("error", code="AccessDenied", status=403),
    "slow": _struck("delay", seconds=20.0),
    "corrupt": _corrupt,
}


@pytest.fixture
def told(shop: Shop) -> Shop:
    """The shop, with a journal."""
    place = {"LocationConstraint": "eu-west-1"}
    shop.aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    shop.configure("^record ", f'journal = "s3://{BUCKET}/deploys"\nrecord ')
    return shop


def warnings(done: Done) -> int:
    """How often a command has said that its journal fails."""
    return (done.out + done.err).count("the journal could not be written")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_does_not_mind(told: Shop, fault: str, step: str) -> None:
    """Exit 0, live and whole, said once at most; status and sweep find nothing to do."""
    before = told.before()
    with told.releasing() as release:
        release.wait_for_step(step)
        FAULTS[fault](told)
        done = release.finish()
    assert done.code == Exit.DONE, done
    assert warnings(done) <= 1, done
    if fault == "denied":  # the last word cannot have been written
        assert warnings(done) == 1, done
    told.assert_released()
    told.assert_one_release_more(before)
    told.assert_clean()


def test_what_somebody_wrote_over_ours_stays_and_ours_stands_beside_it(told: Shop) -> None:
    """Nothing of theirs is lost, and `history` tells the release and names what it cannot read."""
    with told.releasing() as release:
        release.wait_for_step("migrate")
        _corrupt(told)
        done = release.finish()
    assert (done.code, warnings(done)) == (Exit.DONE, 0), done
    s3 = told.aws("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    bodies = {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
    name = f"deploys/{release_id(done)}"
    assert bodies[f"{name}.json"] == bodies[f"{name}.events.jsonl"] == CORRUPT
    assert sum(key.startswith(f"{name}.") for key in keys) == 4
    history = told.ok("deployer", "history", "shop").out
    assert "released" in history
    assert f"{release_id(done)}.json" in history


@pytest.mark.parametrize("fault", ["unreachable", "failing", "denied", "slow"])
def test_no_other_command_minds(told: Shop, fault: str) -> None:
    """A failed release, an abort, a sweep, a rollback, a pause: the codes of any other day."""
    before = told.before()
    FAULTS[fault](told)
    failed = told.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    told.assert_as_before(before)
    die_in(told, "code")
    told.ok("deployer", "abort", "shop", "--yes")
    told.assert_as_before(before)
    die_in(told, "code")
    told.let_lease_end()
    swept = told.ok("reconciler", "sweep")
    assert warnings(swept) == 1, swept
    told.assert_as_before(before)
    told.ok("deployer", "up", "shop", "--ref", "v1.5.0")
    told.ok("deployer", "rollback", "shop", "--discard-writes")
    told.ok("deployer", "pause", "shop", "--for", "1h", "--reason", "a walk")
    told.ok("deployer", "resume", "shop")
    told.assert_clean()
