"""Fault injection per API action: the failures that a real cloud shows.

The rules live in the server (`FaultBook`), so that they apply to any client, `aws` included. They
are set through `/_sandbox/faults` on the API's own port, with `FaultClient`. This module imports
only the stdlib: tests and the command line use it without the server.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from typing import Any

FATES = ("", "pending", "failed")
"""The state that new images reach: available (no fault), pending for ever, or failed."""

VCPUS, TARGET_GROUPS = "vcpus", "target-groups"
QUOTAS = {VCPUS: 1_000_000, TARGET_GROUPS: 3000}
"""The account's quotas, and what they are unless a test lowers them."""

KINDS = ("throttle", "error500", "drop_reply", "delay", "duplicate", "error")
CONTROL_TIMEOUT = 10.0


@dataclass(frozen=True)
class FaultRule:
    """One fault.

    `action` is `RunInstances`, `ec2:RunInstances`, `ec2:*`, `mutating` or `*`. The rule ignores
    the first `skip` matches and then applies `times` times (0: always). `seconds` is the wait
    of `delay`, and of the second delivery of `duplicate`. `code` and `status` are the answer
    of `error`. With a `key`, only calls that are signed with this access key match: so a session
    ends while another goes on.

    - throttle: refused with the service's own error, nothing done
    - error500: InternalError, nothing done
    - drop_reply: done, then the connection is closed without an answer
    - delay: done `seconds` later, whether or not the client still waits
    - duplicate: done, answered, and done again
    - error: refused with `code`, nothing done
    """

    action: str
    kind: str
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    code: str = ""
    status: int = 400
    key: str = ""
    id: int = 0
    hits: int = 0

    def matches(self, service: str, action: str, mutating: bool, key: str = "") -> bool:
        """Whether this rule matches the call, which is signed with `key`."""
        if self.key and self.key != key:
            return False
        if self.action == "*":
            return True
        if self.action == "mutating":
            return mutating
        return self.action in (action, f"{service}:{action}", f"{service}:*")


def parse_rule(data: dict[str, Any]) -> FaultRule:
    """A rule from JSON.

    Raises:
        ValueError: unknown kind or field, or a value of the wrong type.
    """
    known = {"action", "kind", "times", "skip", "seconds", "code", "status", "key"}
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"unknown field {min(unknown)!r}; known: {sorted(known)}")
    if data.get("kind") not in KINDS:
        raise ValueError(f"unknown kind {data.get('kind')!r}; known: {', '.join(KINDS)}")
    return FaultRule(
        action=str(data["action"]),
        kind=str(data["kind"]),
        times=int(data.get("times", 1)),
        skip=int(data.get("skip", 0)),
        seconds=float(data.get("seconds", 0.0)),
        code=str(data.get("code", "")),
        status=int(data.get("status", 400)),
        key=str(data.get("key", "")),
    )


class FaultBook:
    """The rules in force, the visibility lag, request limits, latency, the fate of images.

    Thread-safe.

    `limits` is 0 where requests are not limited, 1 at AWS's figures, 10 at ten times their rates.
    `latency` is 0 where calls are answered at once, 1 where they take what they take on AWS; `pace`
    is the same for images and machines until they are ready, `distance` for what goes to the
    machines' public addresses (SSH, the app). `quotas` are numbers of QUOTAS.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._next = 1
        self.lag = 0.0
        self.limits = 0.0
        self.latency = 0.0
        self.pace = 0.0
        self.distance = 0.0
        self.images = ""
        self.quotas = dict(QUOTAS)

    def add(self, rule: FaultRule) -> FaultRule:
        """Add a rule; returns it with its id."""
        with self._lock:
            rule = replace(rule, id=self._next, hits=0)
            self._next += 1
            self._rules.append(rule)
        return rule

    def take(self, service: str, action: str, mutating: bool, key: str = "") -> FaultRule | None:
        """The rule for this call, with its count reduced by one; None without a fault."""
        with self._lock:
            for index, rule in enumerate(self._rules):
                if rule.matches(service, action, mutating, key):
                    return self._strike(index, rule)
        return None

    def _strike(self, index: int, rule: FaultRule) -> FaultRule | None:
        if rule.skip > 0:
            self._rules[index] = replace(rule, skip=rule.skip - 1)
            return None
        struck = replace(rule, hits=rule.hits + 1)
        if rule.times == 1:
            del self._rules[index]
        else:
            self._rules[index] = replace(struck, times=max(0, rule.times - 1))
        return struck

    def rules(self) -> list[dict[str, Any]]:
        """The active rules, oldest first, as JSON-ready dicts."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def clear(self) -> None:
        """Remove all faults, lag, limits and latency; the quotas are far away again."""
        with self._lock:
            self._rules.clear()
            self.lag = self.limits = self.latency = self.pace = self.distance = 0.0
            self.images = ""
            self.quotas = dict(QUOTAS)


class FaultClient:
    """Sets, lists and clears the faults of a running sandbox.

    Raises `ValueError` with the server's message for an invalid rule, and `OSError` when the
    endpoint does not answer. `key` is the sandbox's access key.
    """

    def __init__(self, endpoint: str, key: str) -> None:
        self._endpoint, self._key = endpoint.rstrip("/"), key

    def add(self, rule: FaultRule) -> dict[str, Any]:
        """Add a rule; returns it as the server stores it."""
        sent = {k: v for k, v in asdict(rule).items() if k not in ("id", "hits")}
        answer: dict[str, Any] = self._ask("POST", "/_sandbox/faults", sent)
        return answer

    def set(self, action: str, kind: str, **more: Any) -> dict[str, Any]:
        """`add` in one line: `set("RunInstances", "drop_reply", times=2)`."""
        return self.add(FaultRule(action=action, kind=kind, **more))

    def list(self) -> dict[str, Any]:
        """`{"rules": [...], "images": fate, "quotas": {…}}`, and the speeds by name."""
        answer: dict[str, Any] = self._ask("GET", "/_sandbox/faults")
        return answer

    def clear(self) -> None:
        """Remove all faults, lag, limits and latency."""
        self._ask("DELETE", "/_sandbox/faults")

    def lag(self, seconds: float) -> None:
        """Resources younger than this are not yet listed or described."""
        self._ask("POST", "/_sandbox/faults", {"lag": seconds})

    def limits(self, speed: float) -> None:
        """Limit requests by AWS's token buckets, refilled at `speed` times AWS's rates; 0: none."""
        self._ask("POST", "/_sandbox/faults", {"limits": speed})

    def latency(self, scale: float) -> None:
        """Let every call take `scale` times what it takes on AWS; 0: none."""
        self._ask("POST", "/_sandbox/faults", {"latency": scale})

    def pace(self, scale: float) -> None:
        """Let images and machines take `scale` times what they take on AWS until they are ready."""
        self._ask("POST", "/_sandbox/faults", {"pace": scale})

    def distance(self, scale: float) -> None:
        """Let a new connection to a machine's public address wait for round trips; 0: none."""
        self._ask("POST", "/_sandbox/faults", {"distance": scale})

    def images(self, fate: str) -> None:
        """The fate of pending images: one of FATES."""
        self._ask("POST", "/_sandbox/faults", {"images": fate})

    def quota(self, name: str, limit: int) -> None:
        """Set a quota of the account: a name of QUOTAS."""
        self._ask("POST", "/_sandbox/faults", {"quotas": {name: limit}})

    def requests(self, since: int = 0) -> Any:
        """The journal after entry `since`: seq, time, service, action, status, mutating."""
        return self._ask("GET", f"/_sandbox/requests?since={since}")["requests"]

    def _ask(self, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self._endpoint + path, data=body, method=method)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {self._key}")
        # The sandbox is on loopback: do not use a proxy from the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=CONTROL_TIMEOUT) as reply:
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as refused:
            raise ValueError(refused.read().decode(errors="replace")) from refused
