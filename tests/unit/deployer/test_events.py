"""The event stream's stable form and its published schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from deployer import events as e
from scripts.events_schema import schema, text

AT = datetime(2026, 11, 23, 3, 15, 2, 125000, UTC)
ID = "shop/20261123T031502Z-7kq2m"
EXAMPLES: tuple[e.Event, ...] = (
    e.Version("1", "0.1.0"),
    e.Expected("v1.4.2", {"image": 48.2}),
    e.ReleaseBegan("shop", ID, "v1.5.0", "v1.4.2"),
    e.StepBegan("image"),
    e.StepNote("image", "creating from i-0a17be44"),
    e.StepProgress("database", "restore", 412_000_000, 1_100_000_000, "B"),
    e.StepDone("image", "ami-0f3c91d2", 48.2),
    e.StepFailed("smoke", "answered 500", "last lines"),
    e.ResourceCreated("instance", "i-0b2e", 0.0258),
    e.FreezeBegan(300),
    e.FreezeEnded(66.5, cut_over=True),
    e.CleanUpBegan("smoke failed"),
    e.CleanUpItem("instance", "i-0b2e", "gone"),
    e.CleanUpDone({"instance": 2, "image": 1}, 0),
    e.Released("shop", ID, "v1.5.0", "v1.4.2", ("10.0.1.17",), 134, AT, 66, ("cron",)),
    e.RolledBack("shop", ID, "v1.4.2", "v1.5.0", ("10.0.1.9",), 3.8),
    e.Warned("the scheduled sweep last ran 2 days ago"),
    e.Result(3, "shop is not clean", "", "reconciler sweep --service shop", {"gen": 41}),
)


def test_every_event_has_an_example() -> None:
    """No event escapes the tests below."""
    assert set(get_args(e.Event)) == {type(one) for one in EXAMPLES}


@pytest.mark.parametrize("event", EXAMPLES, ids=e.kind_of)
def test_every_event_obeys_the_schema(event: e.Event) -> None:
    """What is written is what is published, through JSON and back."""
    line = json.loads(json.dumps(e.to_json(event, AT)))
    jsonschema.validate(line, schema())
    assert line["type"] == e.kind_of(event)


@pytest.mark.parametrize("event", EXAMPLES, ids=e.kind_of)
def test_the_schema_refuses_a_missing_field(event: e.Event) -> None:
    """Every field is promised: leaving one out is an error."""
    line = json.loads(json.dumps(e.to_json(event, AT)))
    for key in line:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({k: v for k, v in line.items() if k != key}, schema())


def test_the_published_schema_is_the_one_of_the_events() -> None:
    """The file in docs was made anew (`scripts/events_schema.py`) after a change."""
    published = Path(__file__).parents[3] / "docs/events.schema.json"
    assert published.read_text() == text()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (e.Version("1", "0.1.0"), {"type": "version", "schema": "1", "deployer": "0.1.0"}),
        (
            e.StepDone("image", "ami-0f", 48.2),
            {
                "type": "step-done",
                "at": "2026-11-23T03:15:02.125Z",
                "step": "image",
                "text": "ami-0f",
                "seconds": 48.2,
            },
        ),
    ],
)
def test_the_form_is_fixed(event: e.Event, expected: Mapping[str, Any]) -> None:
    """Keys, order and the form of times: other tools read them."""
    assert json.dumps(e.to_json(event, AT)) == json.dumps(expected)
