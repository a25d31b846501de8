"""Forward actions: read, and written whole again."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.aws.elbv2 import forward_action as action

FORWARD: dict[str, Any] = {
    "Type": "forward",
    "Order": 1,
    "TargetGroupArn": "a",
    "ForwardConfig": {
        "TargetGroups": [{"TargetGroupArn": "a", "Weight": 7}],
        "TargetGroupStickinessConfig": {"Enabled": False},
    },
}


def test_all_but_the_groups_is_written_as_it_was() -> None:
    """What is not in a write is lost; the short form would contradict several groups."""
    (written,) = action.with_weights([FORWARD], {"a": 0, "b": 1})
    assert written["Order"] == 1
    assert "TargetGroupArn" not in written
    config = written["ForwardConfig"]
    assert config["TargetGroupStickinessConfig"] == {"Enabled": False}
    assert config["TargetGroups"] == [
        {"TargetGroupArn": "a", "Weight": 0},
        {"TargetGroupArn": "b", "Weight": 1},
    ]


def test_weights_of_both_forms() -> None:
    """A group alone needs no weight."""
    assert action.weights([FORWARD]) == {"a": 7}
    assert action.weights([{"Type": "forward", "TargetGroupArn": "b"}]) == {"b": 1}
    assert action.weights([{"Type": "fixed-response"}]) == {}


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ([], "no action"),
        ([{"Type": "redirect"}], "redirect"),
        ([{"Type": "authenticate-oidc"}, FORWARD], "authenticate-oidc, forward"),
        (
            [
                {
                    **FORWARD,
                    "ForwardConfig": {
                        **FORWARD["ForwardConfig"],
                        "TargetGroupStickinessConfig": {"Enabled": True},
                    },
                }
            ],
            "stickiness",
        ),
    ],
)
def test_what_is_never_changed(actions: list[dict[str, Any]], says: str) -> None:
    """Only one plain forward action is."""
    assert says in action.oddity(actions)
    assert action.oddity([FORWARD]) == ""


def test_the_three_changes() -> None:
    """Each is idempotent; a switch that is there already keeps the weight that it has."""
    joined = action.attached({"a": 7}, "b")
    assert joined == action.attached(joined, "b") == {"a": 7, "b": 0}
    moved = action.switched(joined, "b")
    assert moved == action.switched(moved, "b") == {"a": 0, "b": 1}
    assert action.switched({"a": 7, "b": 0}, "a") == {"a": 7, "b": 0}
    assert action.detached(action.detached(moved, "a"), "a") == {"b": 1}
