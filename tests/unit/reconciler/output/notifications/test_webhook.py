"""The webhook: what is posted, and that its URL is never seen."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from reconciler.errors import ConfigError, ToolError
from reconciler.output.notifications import webhook
from reconciler.output.notifications.message import Notice, Phase
from reconciler.output.notifications.webhook import Webhook
from reconciler.util.secret import Secret

NOTICE = Notice(Phase.DONE, "shop: removed 1 image", ("- image ami-41",))
PATH = "/services/T000/B000/s3cr3t"


@dataclass
class Slack:
    """A webhook's other end."""

    url: str = ""
    answer: int = 200
    got: list[tuple[str, str, bytes]] = field(default_factory=list)


@pytest.fixture
def slack() -> Iterator[Slack]:
    """Answers on loopback."""
    one = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(one.answer)
            if one.answer == 302:
                self.send_header("Location", f"{one.url}?elsewhere")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield one
    server.shutdown()
    server.server_close()


def to(url: str) -> Webhook:
    """A webhook whose secret resolves to this."""
    return Webhook(lambda: Secret(url))


def test_slack_gets_its_json(slack: Slack) -> None:
    """One POST with the text."""
    to(slack.url + "\n")(NOTICE)
    [(path, kind, body)] = slack.got
    assert (path, kind) == (PATH, "application/json")
    assert json.loads(body) == {"text": "shop: removed 1 image\n- image ami-41"}


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_is_no_success_is_an_error(slack: Slack, status: int) -> None:
    """With the status and without the URL; a redirect is not followed."""
    slack.answer = status
    with pytest.raises(ToolError, match=f"answered {status}") as caught:
        to(slack.url)(NOTICE)
    assert_secret_kept(caught.value)
    assert len(slack.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1" + PATH,
        "http://127.0.0.1:1/a b" + PATH,
        "https://nowhere.invalid" + PATH,
    ],
)
def test_a_webhook_that_is_not_there(url: str) -> None:
    """Refused, misspelt, unknown: said without repeating it."""
    with pytest.raises(ToolError, match="cannot be reached") as caught:
        to(url)(NOTICE)
    assert_secret_kept(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com" + PATH, "file://" + PATH, "s3cr3t", "http://[::s3cr3t", ""],
)
def test_a_url_that_others_could_read(url: str) -> None:
    """Https, or loopback; what is no URL at all is no reason to show it."""
    with pytest.raises(ConfigError, match="https") as caught:
        to(url)(NOTICE)
    assert_secret_kept(caught.value)


def test_a_webhook_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep has better things to do."""
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        with pytest.raises(ToolError, match="cannot be reached: TimeoutError"):
            to(f"http://127.0.0.1:{deaf.getsockname()[1]}{PATH}")(NOTICE)
    assert time.monotonic() - began < 30


def assert_secret_kept(error: BaseException) -> None:
    """Neither the message nor anything that a traceback shows has the secret."""
    assert "s3cr3t" not in f"{error!r} {error.__cause__!r}"
    assert error.__cause__ is None
