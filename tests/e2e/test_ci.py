"""The script of action.yml as a CI runs it: no terminal, a renewed session, cancelled jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import writable
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company

ROOT = Path(__file__).resolve().parents[2]
RUN = "https://github.com/acme/shop/actions/runs/1658821493"
GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_RUN_ID": "1658821493",
}
GH = """#!/bin/sh
echo "$@" >> "$HOME/gh.calls"
while [ "$1" != --body-file ]; do shift; done
cp "$2" "$HOME/gh.body"
"""
SESSION = timedelta(minutes=12)
"""So near its end that botocore asks for a new one at every request."""


@dataclass
class Runner:
    """A computer of the CI: a home of its own, and a session of the role instead of keys."""

    company: Company
    home: Path
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.home / "bin").mkdir(parents=True)
        gh = self.home / "bin/gh"
        gh.write_text(GH)
        gh.chmod(0o755)
        process = f"/bin/sh -c 'cat {self.home}/session; cat {self.home}/name >> {self.home}/used'"
        (self.home / "aws").write_text(f"[default]\ncredential_process = {process}\n")
        self.renew("first")

    def renew(self, name: str) -> None:
        """A new session of the role, as the CI hands it out."""
        sts = self.company.aws("sts")
        role = f"arn:aws:iam::{sts.get_caller_identity()['Account']}:role/deployer"
        lent = sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        self.keys[name] = lent["AccessKeyId"]
        value = {
            "Version": 1,
            "AccessKeyId": lent["AccessKeyId"],
            "SecretAccessKey": lent["SecretAccessKey"],
            "SessionToken": lent["SessionToken"],
            "Expiration": (datetime.now(UTC) + SESSION).isoformat(),
        }
        (self.home / "name").write_text(f"{name}\n")
        aside = self.home / "session.new"
        aside.write_text(json.dumps(value))
        aside.replace(self.home / "session")

    def end_session(self, name: str) -> None:
        """AWS refuses the session from now on, as it does when its time is over."""
        ended = {"code": "ExpiredToken", "status": 403, "times": 0, "key": self.keys[name]}
        self.company.sandbox.faults().set("*", "error", **ended)

    @property
    def used(self) -> list[str]:
        """The sessions that were handed out, in order."""
        return (self.home / "used").read_text().split()

    def environment(self, words: Mapping[str, str]) -> dict[str, str]:
        """What the script gets; no keys, no terminal."""
        own = self.company.environment
        kept = {key: value for key, value in own.items() if not key.startswith("AWS_ACCESS")}
        kept = {key: value for key, value in kept.items() if not key.startswith("AWS_SECRET")}
        more = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:{os.environ['PATH']}",
            "AWS_CONFIG_FILE": str(self.home / "aws"),
            "DEPLOYER_BIN": str(Path(sys.executable).parent),
            "GITHUB_STEP_SUMMARY": str(self.home / "summary"),
            "SERVICE": "shop",
        }
        return kept | GITHUB | more | dict(words)

    @contextmanager
    def job(self, **words: str) -> Iterator[subprocess.Popen[str]]:
        """The script under way; killed at the end if it still runs."""
        with subprocess.Popen(
            [str(ROOT / "scripts/ci/run")],
            env=self.environment(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def run(self, **words: str) -> tuple[int, str]:
        """The script to its end: exit code and output."""
        with self.job(**words) as process:
            out, _ = process.communicate(timeout=300)
        return process.returncode, out


def until_connected(company: Company, job: subprocess.Popen[str]) -> None:
    """Until the release has machines; a job that ends before fails the test."""
    while len(company.instances()) < 2:
        assert job.poll() is None, job.communicate()[0]
        time.sleep(0.02)


@pytest.fixture
def runner(adopted: Company, tmp_path: Path) -> Runner:
    """A runner of the company that has adopted its service."""
    return Runner(adopted, tmp_path / "runner")


def test_a_plan_is_shown_and_commented(runner: Runner) -> None:
    """In the summary always; as one comment of the pull request only with a token."""
    code, out = runner.run(COMMAND="plan", COMMENT="7", GH_TOKEN="")
    assert (code, "shop" in out) == (Exit.DONE, True), out
    assert not (runner.home / "gh.calls").exists()
    code, out = runner.run(COMMAND="plan", COMMENT="7", GH_TOKEN="secret-of-the-job")
    assert code == Exit.DONE, out
    (call,) = (runner.home / "gh.calls").read_text().splitlines()
    assert call.startswith("pr comment 7 --body-file ")
    assert call.endswith("--edit-last --create-if-none")
    body = (runner.home / "gh.body").read_text()
    assert body.startswith("### deployer plan shop\n")
    assert "shop" in body.partition("````text")[2]
    assert body in (runner.home / "summary").read_text()
    assert "secret-of-the-job" not in body + out


def test_a_release_outlives_its_first_session(runner: Runner) -> None:
    """It is renewed half-way, then AWS refuses the first; what is made names actor and run."""
    company = runner.company
    with runner.job(COMMAND="up", REF="v1.5.0") as job:
        until_connected(company, job)
        runner.renew("second")
        while runner.used.count("second") < 5:  # what was signed before has arrived by then
            assert job.poll() is None, job.communicate()[0]
            time.sleep(0.02)
        runner.end_session("first")
        out, _ = job.communicate(timeout=300)
    assert job.returncode == Exit.DONE, out
    assert company.version() == "v1.5.0"
    assert runner.used[0] == "first"
    assert runner.used[-1] == "second"
    machines = [one["InstanceId"] for one in company.instances()]
    told = {company.tags(one).get("deploy-by", "") for one in machines}
    assert f"octocat {RUN}" in told


def test_a_session_that_is_not_renewed_leaves_the_rest_to_the_next_job(runner: Runner) -> None:
    """The release says that its session has ended; the scheduled job removes what it made."""
    company, before = runner.company, runner.company.resources()
    with runner.job(COMMAND="up", REF="v1.5.0") as job:
        until_connected(company, job)
        runner.end_session("first")
        out, _ = job.communicate(timeout=300)
    assert job.returncode in (Exit.DIRT, Exit.ACCESS), out
    assert "the AWS credentials have expired" in out
    assert company.version() == "v1.4.2"
    let_time_pass(company, "until")
    runner.renew("next")
    code, out = runner.run(COMMAND="sweep")
    assert code == Exit.DONE, out
    assert company.resources() == before
    assert writable(company) == ["shop"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_cleans_up(runner: Runner, signum: signal.Signals) -> None:
    """The script is the deployer: the signal that a CI sends to it is the deployer's."""
    company, before = runner.company, runner.company.resources()
    with runner.job(COMMAND="up", REF="v1.5.0") as job:
        until_connected(company, job)
        job.send_signal(signum)
        out, _ = job.communicate(timeout=300)
    assert job.returncode == 128 + signum, out
    assert company.resources() == before
    assert said(company).lease == ""
    assert writable(company) == ["shop"]
    assert company.version() == "v1.4.2"


def test_a_killed_job_is_swept_by_the_next(runner: Runner) -> None:
    """SIGKILL: the lease stands until it runs out; the scheduled job then removes everything."""
    company, before = runner.company, runner.company.resources()
    with runner.job(COMMAND="up", REF="v1.5.0") as job:
        until_connected(company, job)
        job.kill()
        job.communicate(timeout=60)
    assert said(company).lease
    let_time_pass(company, "until")
    code, out = runner.run(COMMAND="sweep")
    assert code == Exit.DONE, out
    assert company.resources() == before
    assert said(company).lease == ""


def test_another_word_is_no_command(runner: Runner) -> None:
    """Said with those that there are."""
    code, out = runner.run(COMMAND="destroy")
    assert (code, "plan, up or sweep" in out) == (Exit.USAGE, True), out


def test_a_release_without_a_stored_key(runner: Runner) -> None:
    """`key = "instance-connect"`: a key from memory, sent before each login, for one user."""
    company = runner.company
    company.configure('^key  = "file:.*"', 'key = "instance-connect"')
    company.ok("deployer", "doctor")
    (runner.home / ".ssh").mkdir()
    code, out = runner.run(COMMAND="up", REF="v1.5.0")
    assert code == Exit.DONE, out
    assert company.version() == "v1.5.0"
