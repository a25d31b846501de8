"""Credentials that are missing, wrong, expired, or not enough."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from deployer.sandbox.faults import FaultClient
from reconciler.exit_codes import Exit
from tests.e2e.probes import writable
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, ask

LOOKS_AND_ACTS = [
    "deployer up shop",
    "deployer status",
    "deployer rollback shop",
    "reconciler sweep",
]


def test_the_wrong_account(adopted: Company) -> None:
    """Nothing is asked of an account that is not the configured one."""
    adopted.configure("^account = .*", 'account = "999999999999"')
    before = adopted.ledger()
    for line in LOOKS_AND_ACTS:
        done = adopted.run(*line.split(" "))
        assert done.code in (Exit.ACCESS, Exit.USAGE), (line, done)
        assert "999999999999" in done.err, (line, done)
    assert adopted.ledger() == before


def test_no_credentials(adopted: Company, tmp_path: Path) -> None:
    """Said at once, with what to do."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    env = {key: value for key, value in adopted.environment.items() if key not in names}
    for line in LOOKS_AND_ACTS:
        done = subprocess.run(
            adopted.command(*line.split(" ")),
            env={**env, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == Exit.ACCESS, (line, done)
        assert "no AWS credentials" in done.stderr, (line, done)
        assert "aws sso login" in done.stderr, (line, done)
        assert "Traceback" not in done.stderr, (line, done)


def test_expired_credentials(adopted: Company, faults: FaultClient) -> None:
    """Said in these words, not as an HTTP status; nothing is changed."""
    before = adopted.ledger()
    faults.set("*", "error", code="ExpiredToken", status=403, times=0)
    for line in LOOKS_AND_ACTS:
        done = adopted.run(*line.split(" "))
        assert done.code == Exit.ACCESS, (line, done)
        assert "the AWS credentials have expired" in done.err, (line, done)
    faults.clear()
    assert adopted.ledger() == before


MADE = {
    "ec2:CreateImage": "UnauthorizedOperation",
    "ec2:RunInstances": "UnauthorizedOperation",
    "route53:ChangeResourceRecordSets": "AccessDenied",
}


ASKED = {"ec2:DescribeTags": "UnauthorizedOperation", "ssm:GetParameter": "AccessDeniedException"}


@pytest.mark.parametrize("action", [*MADE, *ASKED])
def test_a_permission_that_is_withheld(adopted: Company, faults: FaultClient, action: str) -> None:
    """The message names the action; what was made is gone, and live kept its writes."""
    before, code = adopted.resources(), (MADE | ASKED)[action]
    faults.set(action, "error", code=code, status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    faults.clear()
    assert done.code == Exit.ACCESS, done
    assert f"{action} is denied: {code}" in done.err
    assert "Traceback" not in done.err
    assert adopted.resources() == before
    assert said(adopted).lease == ""
    assert writable(adopted) == ["shop"]
    assert ask(adopted.pointed_at()[0], "/orders", b"{}")[0] == 201


def test_a_clean_up_that_may_not_look(adopted: Company, faults: FaultClient) -> None:
    """Without DescribeImages nobody can tell what there is to remove: the lease's end does not."""
    before = adopted.resources()
    faults.set("ec2:DescribeImages", "error", code="UnauthorizedOperation", status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code in (Exit.REFUSED, Exit.DIRT), done
    assert "ec2:DescribeImages is denied: UnauthorizedOperation" in done.err
    faults.clear()
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before
    assert writable(adopted) == ["shop"]


def test_a_deletion_that_is_denied_is_listed(adopted: Company, faults: FaultClient) -> None:
    """Exit 4, each thing that stayed by its id, and the command that removes it."""
    before = adopted.resources()
    faults.set("TerminateInstances", "error", code="UnauthorizedOperation", status=403, times=0)
    done = adopted.deployer("up", "shop", "--ref", "v1.6.0")
    assert done.code == Exit.DIRT, done
    [machine] = adopted.resources()["instance"] - before["instance"]
    assert machine in done.err
    assert "ec2:TerminateInstances" in done.err
    assert "reconciler sweep --service shop" in done.err
    assert 'relation "orders_v2" does not exist' in done.err  # the first failure stays the first
    assert writable(adopted) == [
        "shop",
        *sorted(adopted.resources()["database"] - before["database"]),
    ]
    faults.clear()
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UnauthorizedOperation", "ec2:CreateTags"),
        ("ExpiredToken", "log in again"),
        ("RequestExpired", "log in again"),
    ],
)
def test_labels_that_cannot_be_written_are_an_unfinished_release(
    adopted: Company, faults: FaultClient, code: str, words: str
) -> None:
    """Past the commit nothing is undone: exit 5, said, and finished by the next sweep."""
    # Two come before the commit: the tag of the host key that the machine has made.
    faults.set("CreateTags", "error", code=code, status=403, times=0, skip=2)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.UNFINISHED, done
    assert words in done.out + done.err
    assert "clock" not in done.out + done.err
    assert "reconciler sweep --service shop" in done.out + done.err
    assert adopted.version() == "v1.5.0"
    assert writable(adopted) == [adopted.get()["database"]]
    faults.clear()
    assert adopted.deployer("status", "shop", "--exit-code").code == Exit.TO_DO
    adopted.ok("reconciler", "sweep")
    adopted.ok("deployer", "status", "shop", "--exit-code")


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestExpired"])
def test_credentials_that_expire_half_way(adopted: Company, faults: FaultClient, code: str) -> None:
    """Nothing can be undone then, and that is what it says; the next sweep does it."""
    before = adopted.resources()
    with adopted.releasing("v1.5.0") as release:
        release.wait_for_step("connect")
        faults.set("*", "error", code=code, status=403, times=0)
        done = release.finish()
    faults.clear()
    assert done.code in (Exit.DIRT, Exit.ACCESS), done
    last = json.loads(done.out.splitlines()[-1])
    assert last["type"] == "result"
    assert "the AWS credentials have expired" in last["message"] + last["detail"]
    assert "log in" in last["cure"]
    assert adopted.version() == "v1.4.2"
    let_time_pass(adopted, "until")
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before
    assert writable(adopted) == ["shop"]
