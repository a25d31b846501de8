"""The ways to people, from the configuration to the other end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.aws.sns import place_of
from reconciler.config.loader import Settings
from reconciler.config.reconciler import Notices, Reconciler
from reconciler.cost.price_list import Prices
from reconciler.model.deploy_id import parse_time
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import Resource
from reconciler.sweep.result import SweepResult
from reconciler.wiring.edges import Edges
from reconciler.wiring.notifier_factory import notifier
from tests.support.aws_api import PLACE, Api
from tests.support.shop_world import ALL, DEAD, planned

THING = next(one for one in ALL if one.deploy == DEAD)


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Somebody who listens: a URL, and what was posted there."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/s3cr3t", got
    server.shutdown()
    server.server_close()


def settings(home: Path, **notices: object) -> Settings:
    """A configuration of notices alone."""
    return Settings(home, {}, Reconciler(notices=Notices.model_validate(notices)))


@pytest.mark.usefixtures("api")
def test_a_topic_gets_both_notices(heard: tuple[str, list[dict[str, str]]], tmp_path: Path) -> None:
    """Published by the topic's own account; whoever subscribed to it reads subject and text."""
    url, got = heard
    sns = Edges(settings(tmp_path)).aws(PLACE).sns_once
    topic = sns.create_topic(Name="sweeps")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    got.clear()
    said = settings(tmp_path, topic=topic)
    sent: list[tuple[str, str]] = []
    people = notifier(said, Edges(said), Prices(), on_sent=lambda *one: sent.append(one))
    assert people is not None
    people.planned(planned())
    people.done(SweepResult(planned(), planned(), (Outcome(THING, OutcomeStatus.GONE),)))
    told = [one for one in got if one.get("Type") == "Notification"]
    assert [one["Subject"] for one in told] == [
        "reconciler: shop: 6 resources left behind, removed now",
        "reconciler: shop: removed 1 instance",
    ]
    assert "i-41" in told[0]["Message"]
    assert sent == [("topic", "sent")] * 2
    assert place_of(topic) == PLACE


def test_a_webhook_by_its_reference(
    heard: tuple[str, list[dict[str, str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The URL is resolved when it is used, and stands in no log, whatever goes wrong."""
    url, got = heard
    said = settings(tmp_path, webhook="env:SLACK")
    people = notifier(said, Edges(said), Prices())
    assert people is not None
    result = SweepResult(planned(), planned(), (Outcome(THING, OutcomeStatus.GONE),))
    with capture_logs() as log:
        people.done(result)
        monkeypatch.setenv("SLACK", url)
        people.done(result)
        monkeypatch.setenv("SLACK", url.replace("http://127", "http://10.127"))
        people.done(result)
    assert len(got) == 1
    assert [one["event"] for one in log] == ["not told", "told", "not told"]
    assert "SLACK is not set" in str(log[0])
    assert "s3cr3t" not in str(log)


def test_the_tag_says_when(api: Api, tmp_path: Path) -> None:
    """It is written on the thing itself, and nothing else is."""
    volume = api.aws.ec2_once.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    said = settings(tmp_path, webhook="env:SLACK")
    people = notifier(said, Edges(said), Prices())
    assert people is not None
    now = people.clock()
    people.mark(Resource("volume", volume, PLACE), now)
    [found] = api.aws.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    [tag] = found["Tags"]
    assert tag["Key"] == "deploy-noticed"
    assert parse_time(tag["Value"]) == now.replace(microsecond=0)


def test_nobody_to_tell(tmp_path: Path) -> None:
    """Without a way there is no notifier, and nothing is written on anything."""
    said = settings(tmp_path)
    assert notifier(said, Edges(said), Prices()) is None
    assert replace(said).reconciler.notices.planned
