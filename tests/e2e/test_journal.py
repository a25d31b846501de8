"""The journal in the sandbox's S3: a life that is told, and a bucket that fails."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from deployer.sandbox.faults import FaultClient
from reconciler.exit_codes import Exit
from tests.e2e.probes import answer_of, die_in, has
from tests.e2e.zone import let_time_pass
from tests.support.company import Company

BUCKET = "the-journal"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "journal.schema.json").read_text())


@pytest.fixture
def told(adopted: Company) -> Company:
    """The company, with a journal."""
    place = {"LocationConstraint": "eu-west-1"}
    adopted.aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    adopted.configure("^record ", f'journal = "s3://{BUCKET}/deploys"\nrecord ')
    return adopted


def objects(company: Company) -> dict[str, bytes]:
    """Everything in the bucket, by key."""
    s3 = company.aws("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    keys = [one["Key"] for one in listed]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def test_a_life_is_told(told: Company) -> None:
    """A failed release, a good one, a dead one and its sweep; by id, by service, as JSON."""
    failed = told.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    told.up("v1.5.0")
    die_in(told, "migrate", "v1.7.0")
    let_time_pass(told, "until")
    assert "died" in told.ok("deployer", "history", "shop").out
    told.ok("reconciler", "sweep")
    history = told.ok("deployer", "history", "shop").out
    words = [line.split()[2] for line in history.splitlines() if line[:4].isdigit()]
    assert words == ["swept", "died", "released", "failed", "adopted"], history
    has(history, "v1.6.0 in smoke", "cleaned up by a sweep", "From the ledger and the journal")
    answer = answer_of(told, 0, "deployer", "history", "shop")
    [id_] = [event["deploy"] for event in answer["events"] if event["word"] == "failed"]
    log = told.ok("deployer", "logs", id_).out
    has(log, "✗ smoke", "shop stays on", "Removed: 1 instance", "image ")
    has(told.ok("deployer", "logs", "shop").out, "v1.7.0")
    has(told.ok("reconciler", "report").out, "saved by sweeps in 30 days")
    has(told.ok("deployer", "status", "shop").out, "swept     last changed")
    has(told.ok("deployer", "doctor").out, "journal")
    found = objects(told)
    entries = [json.loads(body) for key, body in found.items() if key.endswith(".json")]
    assert len(entries) == 4
    for entry in entries:
        jsonschema.validate(entry, SCHEMA)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("error", {"code": "AccessDenied", "status": 403}), ("drop_reply", {}), ("error500", {})],
)
def test_a_bucket_that_fails_changes_nothing(
    told: Company, faults: FaultClient, kind: str, more: dict[str, str | int]
) -> None:
    """The release is as good as without a journal, and says once that it could not be told."""
    faults.set("s3:PutObject", kind, times=0, **more)
    done = told.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.DONE, done
    assert done.err.count("the journal could not be written") == 1, done
    assert told.version() == "v1.5.0"
    failed = told.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    assert told.version() == "v1.5.0"
    told.ok("deployer", "status", "shop", "--exit-code")
