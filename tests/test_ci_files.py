"""The files for a CI: the action, and the roles in CloudFormation and Terraform."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
import jsonschema
import pytest
import yaml
from cfnlint.api import lint_file

from scripts.ci_roles import EXAMPLE, ROLES, write

ROOT = Path(__file__).resolve().parent.parent
CFN = ROOT / "config/ci/roles.cfn.json"
TERRAFORM = ROOT / "config/ci/roles.tf"
PULL_REQUEST = "event.pull_request.number"
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


METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "description", "runs"],
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string", "maxLength": 125},
        "inputs": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["description"],
                "oneOf": [{"required": ["required"]}, {"required": ["default"]}],
                "properties": {
                    "description": {"type": "string"},
                    "required": {"const": True},
                    "default": {"type": "string"},
                },
            },
        },
        "runs": {
            "type": "object",
            "additionalProperties": False,
            "required": ["using", "steps"],
            "properties": {
                "using": {"const": "composite"},
                "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            },
        },
    },
    "$defs": {
        "strings": {"type": "object", "additionalProperties": {"type": "string"}},
        "step": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "uses": {"type": "string", "pattern": r"^actions/[\w-]+@v\d+$"},
                "with": {"$ref": "#/$defs/strings"},
                "run": {"type": "string"},
                "shell": {"const": "bash"},
                "env": {"$ref": "#/$defs/strings"},
            },
            "oneOf": [
                {"required": ["uses"], "not": {"anyOf": [{"required": ["run"]}]}},
                {"required": ["run", "shell"], "not": {"anyOf": [{"required": ["uses"]}]}},
            ],
        },
    },
}
"""A composite action, by GitHub's "Metadata syntax": what a runner takes, and no more of it."""


def test_the_action_is_one() -> None:
    """Keys, types, a shell for each script; every expression names something that there is."""
    text = (ROOT / "action.yml").read_text()
    action = yaml.safe_load(text)
    jsonschema.validate(action, METADATA)
    for expression in re.findall(r"\$\{\{(.*?)\}\}", text):
        for name in re.findall(r"[\w.-]+", expression):
            context, _, rest = name.partition(".")
            known = set(action["inputs"]) if context == "inputs" else {"sha", PULL_REQUEST}
            assert context in ("inputs", "github"), name
            assert rest in known, name


def complaints(schema: str, path: Path) -> str:
    """What GitHub's schema says to a file; '' for nothing."""
    tool = Path(sys.executable).with_name("check-jsonschema")
    asked = [str(tool), "--builtin-schema", schema, str(path)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_github_has_no_complaint(tmp_path: Path) -> None:
    """About the action, nor about the workflow that the documents show."""
    assert complaints("vendor.github-actions", ROOT / "action.yml") == ""
    workflow = tmp_path / "release.yml"
    workflow.write_text(recipe_text())
    assert complaints("vendor.github-workflows", workflow) == ""
    workflow.write_text(recipe_text().replace("runs-on:", "runs-at:"))
    assert "runs-at" in complaints("vendor.github-workflows", workflow)


def recipe_text() -> str:
    """The workflow of docs/ci.md."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/ci.md").read_text(), re.DOTALL)
    return str(text)


def test_the_script_reads_what_the_action_passes() -> None:
    """Every variable is one of the script's or of the deployer's, and the script is a program."""
    script = ROOT / "scripts/ci/run"
    (step,) = (
        one for one in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"][1:]
    )
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", script.read_text())) | {"DEPLOY_CONFIG"}
    assert set(step["env"]) <= read
    assert f"$GITHUB_ACTION_PATH/{script.relative_to(ROOT)}" in step["run"]
    assert os.access(script, os.X_OK)


def test_the_recipe_uses_the_action_as_it_is() -> None:
    """The workflow of docs/ci.md: inputs that exist, and the permissions that OIDC wants."""
    recipe = yaml.safe_load(recipe_text())
    assert recipe["permissions"]["id-token"] == "write"
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    steps = [step for job in recipe["jobs"].values() for step in job["steps"]]
    ours = [step for step in steps if step["uses"].startswith("OWNER/deployer@")]
    assert [step["with"]["command"] for step in ours] == ["plan", "up", "sweep"]
    for step in ours:
        assert set(step["with"]) <= set(inputs)
        assert {name for name, one in inputs.items() if one.get("required")} <= set(step["with"])


def test_what_a_runner_installs_is_what_is_tested() -> None:
    """The lock of the action has the versions and hashes of the one that the tests run with."""
    tested, installed = (
        dict(re.findall(r"^(\S+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-runtime.lock")
    )
    assert installed.items() <= tested.items()


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
