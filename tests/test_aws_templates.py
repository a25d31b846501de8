"""The templates of a sweep without a server, and the archive of its function."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cfnlint.api import lint_file

from reconciler.cli.aws_lambda import COMMANDS
from scripts.aws_machine import SWEEPERS, THROTTLED
from scripts.aws_template import write
from tests.support.cures import parsed

ROOT = Path(__file__).resolve().parent.parent
HUB, MEMBER = (ROOT / f"config/aws/{name}.cfn.json" for name in ("sweep", "member"))
RESOURCES: dict[str, Any] = json.loads(HUB.read_text())["Resources"]
MACHINE = json.loads(RESOURCES["Machine"]["Properties"]["DefinitionString"]["Fn::Sub"])


def test_the_templates_are_written_by_the_script(tmp_path: Path) -> None:
    """Nobody mends them by hand."""
    write(tmp_path)
    for path in (HUB, MEMBER):
        assert (tmp_path / path.name).read_text() == path.read_text(), path


def test_cloudformation_has_no_complaint() -> None:
    """cfn-lint, with every rule that it runs by default; the state machine is looked at too."""
    assert [str(one) for path in (HUB, MEMBER) for one in lint_file(path)] == []


def test_a_member_may_do_what_the_command_prints() -> None:
    """The role of a swept account has the policy of `reconciler policy`, and no other."""
    made = json.loads(MEMBER.read_text())["Resources"]
    policy = json.loads((ROOT / "config/iam/reconciler.json").read_text())
    assert made["Policy"]["Properties"]["PolicyDocument"] == policy
    assert made["Role"]["Properties"]["ManagedPolicyArns"] == [{"Ref": "Policy"}]


def statements(role: str) -> list[dict[str, Any]]:
    """What a role of the hub may do."""
    (policy,) = RESOURCES[role]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_no_role_of_the_hub_is_wide() -> None:
    """No action and no resource is a mere star."""
    for role in ("FunctionRole", "MachineRole", "ScheduleRole"):
        for one in statements(role):
            assert not [action for action in one["Action"] if "*" in action]
            assert "*" not in one["Resource"]


def commands(state: dict[str, Any]) -> list[str]:
    """Every command that a state and those within it call, in order."""
    if state["Type"] == "Map":
        inner = state["ItemProcessor"]["States"].values()
        return [one for each in inner for one in commands(each)]
    if state["Type"] != "Task":
        return []
    return [state["Parameters"]["Payload"]["command.$"]]


def test_the_ledgers_are_read_between_the_two_maps() -> None:
    """Inventories, then ledgers, then sweeps: never another order (rule 2)."""
    order, name = [], MACHINE["StartAt"]
    while name in MACHINE["States"]:
        state = MACHINE["States"][name]
        order += commands(state)
        name = state.get("Next", "")
    verbs = [re.match(r"States\.Array\('(\w+)'", one) for one in order]
    wanted = ["scopes", "inventory", "ledgers", "sweep", "collate"]
    assert [one[1] for one in verbs if one] == wanted
    assert set(wanted) <= COMMANDS


def test_every_command_of_the_state_machine_is_valid() -> None:
    """A command line that the program does not take would fail in every scope."""
    place, scope = "s3://sweeps/runs/one", "123456789012/eu-west-1"
    for text in (one for state in MACHINE["States"].values() for one in commands(state)):
        inner = text.removeprefix("States.Array(").removesuffix(")")
        inner = re.sub(r"States\.Format\([^)]*\)|\$\.run", place, inner).replace("$.scope", scope)
        parsed("reconciler " + inner.replace("'", "").replace(",", ""))


def test_route_53_gets_its_share_from_as_many_sweeps_as_run_at_once() -> None:
    """What the map allows is what each worker divides by."""
    sweeps = MACHINE["States"]["Sweeps"]
    assert sweeps["MaxConcurrency"] == SWEEPERS
    assert f"'--workers', '{SWEEPERS}'" in commands(sweeps)[0]


def test_what_fails_is_in_the_report_and_hides_nothing() -> None:
    """Every map goes on, and every task is tried again, also one that ran out of time."""
    for name in ("Inventories", "Sweeps"):
        state = MACHINE["States"][name]
        assert state["ToleratedFailurePercentage"] == 100
        assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        (task,) = state["ItemProcessor"]["States"].values()
        wanted = [["OutOfTime"], THROTTLED, ["States.ALL"]]
        assert [one["ErrorEquals"] for one in task["Retry"]] == wanted


def test_events_name_the_scope() -> None:
    """A machine that died and a tag of ours that changed sweep the account and region they name."""
    rule = RESOURCES["Happened"]["Properties"]
    (target,) = rule["Targets"]
    given = target["InputTransformer"]
    text = given["InputTemplate"]
    for key, path in given["InputPathsMap"].items():
        values = {"$.account": "123456789012", "$.region": "eu-west-1"}
        text = text.replace(f"<{key}>", values[path])
    command = json.loads(text)["command"]
    assert command == ["sweep", "--young", "--scope", "123456789012/eu-west-1"]
    sources = [one["source"] for one in rule["EventPattern"]["$or"]]
    assert sources == [["aws.ec2"], ["aws.tag"]]
    assert target["DeadLetterConfig"]
