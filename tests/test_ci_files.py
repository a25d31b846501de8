"""The files for a CI: the action, and the roles in CloudFormation and Terraform."""

from __future__ import annotations

import json
import os
import re
import shutil
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


def _terraform_of(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not installed")
    command = [program, f"-chdir={folder}", *words, "-no-color"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_terraform_would_write_the_file_like_this() -> None:
    """`terraform fmt` changes nothing in it."""
    done = _terraform_of(TERRAFORM.parent, "fmt", "-check", "-diff", "-list=false")
    assert (done.returncode, done.stdout) == (0, ""), done


def test_terraform_has_no_complaint(tmp_path: Path) -> None:
    """`terraform validate`, against the schema of the AWS provider.

    The provider comes from TERRAFORM_PLUGINS, a folder as `terraform init -plugin-dir` takes it, or
    else from Terraform's registry.
    """
    shutil.copy(TERRAFORM, tmp_path)
    plugins = os.environ.get("TERRAFORM_PLUGINS", "")
    given = [f"-plugin-dir={plugins}"] if plugins else []
    begun = _terraform_of(tmp_path, "init", "-input=false", *given)
    if begun.returncode and not plugins:
        pytest.skip("the AWS provider is not to be had here")
    assert begun.returncode == 0, begun
    done = _terraform_of(tmp_path, "validate", "-json")
    assert json.loads(done.stdout)["diagnostics"] == [], done


_REFERENCE = re.compile(r"(?<![$\w.])\$\{([^}]*)\}|=\s+([a-z_][\w.\[\]*(), ]*)$", re.MULTILINE)
_BOUND = re.compile(r"\b(?:var|local|data\.aws_caller_identity|aws_iam_\w+)\.\w+")


def test_what_the_terraform_file_names_is_there() -> None:
    """Where no Terraform is: every reference leads to a block, and every variable is used."""
    with TERRAFORM.open(encoding="utf-8") as file:
        found = hcl2.load(file)
    blocks = {f"var.{name}" for one in found["variable"] for name in _names(one)}
    blocks |= {f"local.{name}" for one in found["locals"] for name in _names(one)}
    for kind in ("resource", "data"):
        prefix = "" if kind == "resource" else "data."
        blocks |= {
            f"{prefix}{type_.strip(QUOTE)}.{name}"
            for one in found[kind]
            for type_, named in one.items()
            for name in _names(named)
        }
    text = TERRAFORM.read_text()
    said = {
        one for pair in _REFERENCE.findall(text) for part in pair for one in _BOUND.findall(part)
    }
    assert said - blocks == set()
    assert {one for one in blocks if one.startswith(("var.", "local."))} - said == set()


QUOTE = '"'


def _names(block: dict[str, Any]) -> set[str]:
    return {name.strip(QUOTE) for name in block if not name.startswith("__")}


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
