"""Commands of services whose ledger is an object in S3, which their traffic follows."""

from __future__ import annotations

from deployer.sandbox.control.options import BALANCER
from tests.crash.matrix.command import NEW_LIVE, SWEEP, UP, Command, expired
from tests.crash.matrix.shapes import BalancedStage, ElasticInBucketStage, RecordInBucketStage
from tests.crash.matrix.stage import Stage
from tests.crash.matrix.variants import EITHER, MAY_COMMIT, released, releasing, rolling_back
from tests.crash.proxies import Fault

OF_BUCKETS = "^put the ledger"
OF_BUCKETS_AND_THE_RECORD = r"^put the ledger|the record$"
OF_BUCKETS_AND_THE_ADDRESS = r"^put the ledger: no lease|Address"
THE_COMMIT = "put the ledger: no lease, 1 previous"


def _in_a_bucket(stage: Stage) -> None:
    """Behind a load balancer: the ledger is moved to a bucket."""
    assert isinstance(stage, BalancedStage)
    stage.keep_ledger_in_bucket()


def _released_in_a_bucket(stage: Stage) -> None:
    """And one release more is live."""
    _in_a_bucket(stage)
    released(stage)


def _committed_in_a_bucket(stage: Stage) -> None:
    """And an `up` was killed between its commit and the switch."""
    _in_a_bucket(stage)
    expired(THE_COMMIT, Fault.KILL_AFTER)(stage)


BUCKET_VARIANTS = (
    Command(
        "up, with the ledger in S3",
        UP,
        "released",
        _in_a_bucket,
        may_end=EITHER,
        codes=MAY_COMMIT,
        spoils=True,
        shape=BALANCER,
        rows=OF_BUCKETS,
    ),
    rolling_back(
        "rollback, with the ledger in S3", BALANCER, OF_BUCKETS, begin=_released_in_a_bucket
    ),
    Command(
        "sweep, switching a load balancer after a ledger in S3",
        SWEEP,
        "finished",
        _committed_in_a_bucket,
        may_end=frozenset({NEW_LIVE}),
        spoils=True,
        shape=BALANCER,
        rows="ModifyListener",
    ),
    releasing(
        "up, the record following a ledger in S3",
        RecordInBucketStage.name,
        OF_BUCKETS_AND_THE_RECORD,
    ),
    rolling_back(
        "rollback, the record following a ledger in S3",
        RecordInBucketStage.name,
        OF_BUCKETS_AND_THE_RECORD,
    ),
    Command(
        "sweep, pointing the record after a ledger in S3",
        SWEEP,
        "finished",
        expired(THE_COMMIT, Fault.KILL_AFTER),
        may_end=frozenset({NEW_LIVE}),
        shape=RecordInBucketStage.name,
        rows=OF_BUCKETS_AND_THE_RECORD,
    ),
    releasing(
        "up, the Elastic IP following a ledger in S3",
        ElasticInBucketStage.name,
        OF_BUCKETS_AND_THE_ADDRESS,
    ),
    rolling_back(
        "rollback, the Elastic IP following a ledger in S3",
        ElasticInBucketStage.name,
        OF_BUCKETS_AND_THE_ADDRESS,
    ),
    Command(
        "sweep, moving an Elastic IP after a ledger in S3",
        SWEEP,
        "finished",
        expired(THE_COMMIT, Fault.KILL_AFTER),
        may_end=frozenset({NEW_LIVE}),
        shape=ElasticInBucketStage.name,
        rows="Address",
    ),
)
