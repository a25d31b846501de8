"""AWS calls that are held until a test lets them go: who waits for whom, by no clock."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.httpsession import URLLib3Session

from reconciler.util.concurrency import begun

PATIENCE = 60.0
_BY_PATH = (
    (r"/hostedzone/[^/]+/rrset/?", {"GET": "ListResourceRecordSets"}),
    (r"/hostedzone/[^/]+/rrset/", {"POST": "ChangeResourceRecordSets"}),
    (r"/hostedzone", {"GET": "ListHostedZones"}),
)


class HeldCalls:
    """Every call of botocore's waits here, in whatever thread, until `let_go`.

    `late` are those that came when nothing was held any more.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._passed = 0
        self.open = False
        self.late: list[str] = []
        send = URLLib3Session.send

        def held(session: Any, request: Any) -> Any:
            self._wait(action_of(request))
            return send(session, request)

        monkeypatch.setattr(URLLib3Session, "send", held)

    def _wait(self, action: str) -> None:
        with self._changed:
            if self.open:
                self.late.append(action)
                return
            self._waiting.append(action)
            generation = self._passed
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.open or self._passed > generation)

    def let_go(self, expected: Iterable[str]) -> None:
        """Wait until exactly these calls are held, and send them. AssertionError if it is others.

        None of them has been answered, so none has waited for another.
        """
        wanted = Counter(expected)
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) >= wanted.total(), PATIENCE)
            found = Counter(self._waiting)
            self._waiting.clear()
            self._passed += 1
            self._changed.notify_all()
        assert found == wanted

    def end(self) -> None:
        """Hold nothing any more."""
        with self._changed:
            self.open = True
            self.late += self._waiting
            self._changed.notify_all()


def stages_of(calls: HeldCalls, stages: Iterable[Iterable[str]]) -> Future[None]:
    """Beside the command that makes the calls, let them go stage by stage, then hold no more.

    Its result is an AssertionError if a stage had other calls.
    """

    def follow() -> None:
        try:
            for stage in stages:
                calls.let_go(stage)
        finally:
            calls.end()

    return begun(follow)


def action_of(request: Any) -> str:
    """The action of a prepared request of EC2, STS, SSM or Route 53."""
    target = request.headers.get("X-Amz-Target", b"")
    if target:
        return str(target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
    path = urlsplit(request.url).path
    for pattern, methods in _BY_PATH:
        if re.fullmatch(f"/2013-04-01{pattern}", path) and request.method in methods:
            return methods[request.method]
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
    return parse_qs(body).get("Action", [f"{request.method} {path}"])[0]
