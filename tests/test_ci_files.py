"""The files for a CI: the action, and the roles in CloudFormation and Terraform."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from cfnlint.api import lint_file

from scripts.ci_roles import EXAMPLE, ROLES, write

ROOT = Path(__file__).resolve().parent.parent
CFN = ROOT / "config/ci/roles.cfn.json"
TERRAFORM = ROOT / "config/ci/roles.tf"
LONGEST_POLICY = 6144
"""IAM quotas: characters of a managed policy, without white space."""


def policy(name: str) -> Any:
    """The policy that `reconciler policy` prints, as it stands in config/iam."""
    return json.loads((ROOT / f"config/iam/{name}.json").read_text(encoding="utf-8"))


def test_the_files_are_written_by_the_script(tmp_path: Path) -> None:
    """Nobody mends them by hand."""
    write(ROOT / "config", dict(one.split("=") for one in EXAMPLE), tmp_path)
    for path in (CFN, TERRAFORM):
        assert (tmp_path / path.name).read_text() == path.read_text(), path


def test_cloudformation_has_no_complaint() -> None:
    """cfn-lint, with every rule that it runs by default."""
    assert [str(one) for one in lint_file(CFN)] == []


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_policies_are_those_that_the_command_prints(role: str) -> None:
    """In both files, and short enough for a managed policy."""
    made = json.loads(CFN.read_text())["Resources"]
    assert made[f"{role.capitalize()}Policy"]["Properties"]["PolicyDocument"] == policy(role)
    assert _terraform("aws_iam_policy", role, "policy") == policy(role)
    assert len(json.dumps(policy(role), separators=(",", ":"))) <= LONGEST_POLICY


@pytest.mark.parametrize("role", sorted(ROLES))
def test_only_the_named_jobs_may_take_a_role(role: str) -> None:
    """The audience and the whole subject are compared: no wildcard lets a fork in."""
    (trust, *others) = _terraform("aws_iam_role", role, "assume_role_policy")["Statement"]
    condition = trust["Condition"]["StringEquals"]
    assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    subject = condition["token.actions.githubusercontent.com:sub"]
    assert subject.startswith("repo:${var.repository}:")
    assert "*" not in subject
    assert bool(others) == (role == "viewer")
    made = json.loads(CFN.read_text())["Resources"][f"{role.capitalize()}Role"]["Properties"]
    assert made["MaxSessionDuration"] >= 7200
    (first, *_) = made["AssumeRolePolicyDocument"]["Statement"]
    (said,) = first["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"].values()
    assert said.startswith("repo:${Repository}:")


def test_the_viewer_writes_nothing() -> None:
    """Every action of a teammate reads."""
    actions = [one for each in policy("viewer")["Statement"] for one in _list(each["Action"])]
    assert actions
    assert not [one for one in actions if not re.match(r"\w+:(Describe|List)", one)]


def test_the_action_passes_its_inputs_as_variables() -> None:
    """An input inside a script's text would be code that a pull request writes."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert scripts
    assert not [one for one in scripts if "${{" in one]
    (env,) = [step["env"] for step in action["runs"]["steps"] if "run" in step]
    used = {name for value in env.values() for name in re.findall(r"inputs\.([\w-]+)", value)}
    assert used == set(action["inputs"])


def test_the_script_is_posix() -> None:
    """sh reads it."""
    done = subprocess.run(
        ["sh", "-n", str(ROOT / "scripts/ci/run")], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_script_writes_where_it_is_told(tmp_path: Path) -> None:
    """For another configuration: its own folder, its own zones."""
    home = tmp_path / "config"
    (home / "services").mkdir(parents=True)
    text = (ROOT / "config/services/shop.toml").read_text().replace("example.com", "example.org")
    (home / "services/shop.toml").write_text(text)
    subprocess.run(
        [sys.executable, "scripts/ci_roles.py", str(home), "example.org=Z0987654321"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert "hostedzone/Z0987654321" in (home / "ci/roles.tf").read_text()


def _terraform(kind: str, name: str, attribute: str) -> Any:
    """The JSON in an attribute of a resource, as Terraform would read it."""
    with TERRAFORM.open(encoding="utf-8") as file:
        resources = hcl2.load(file)["resource"]
    found = [
        body
        for entry in resources
        for key, named in entry.items()
        if key.strip('"') == kind
        for title, body in named.items()
        if title.strip('"') == name
    ]
    text = str(found[0][attribute]).strip('"')
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\s*(<<)?JSON", line)]
    return json.loads("\n".join(lines).replace("$${", "${"))


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
