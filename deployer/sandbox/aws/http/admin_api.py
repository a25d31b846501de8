"""`/_sandbox/...`: the administration API of the sandbox, in JSON, on the cloud's port.

GET    /_sandbox/health            {"ok": true}
GET    /_sandbox/faults            {"rules": …, "lag": …, "limits": …, "latency": …, "images": …,
                                   "quotas": …}
POST   /_sandbox/faults            a rule, or one of {"lag": seconds}, {"limits": speed},
                                   {"latency": scale}, {"pace": scale}, {"distance": scale},
                                   {"images": fate}, {"quotas": {name: limit}}
DELETE /_sandbox/faults            no faults, no lag, no limits, no latency, pace, distance
GET    /_sandbox/requests?since=N  {"requests": [...]}
DELETE /_sandbox/requests          delete the recorded requests
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Response

from deployer.sandbox.aws.http.request_log import RequestLog
from deployer.sandbox.faults import FATES, QUOTAS, FaultBook, parse_rule

SPEEDS = ("lag", "limits", "latency", "pace", "distance")
"""The numbers of a `FaultBook`."""


def answer_control(
    environ: dict[str, Any], body: bytes, faults: FaultBook, journal: RequestLog
) -> Response:
    """Answer one request to `/_sandbox/...`; 400 with the reason for an invalid one."""
    asked = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/_sandbox/")
    try:
        if asked == ("GET", "health"):
            return _json({"ok": True})
        if asked[1] == "faults":
            return _faults(asked[0], body, faults)
        if asked == ("GET", "requests"):
            query = parse_qs(environ.get("QUERY_STRING", ""))
            return _json({"requests": journal.since(int(query.get("since", ["0"])[0]))})
        if asked == ("DELETE", "requests"):
            journal.clear()
            return _json({})
    except (ValueError, KeyError, TypeError) as wrong:
        return _json({"error": str(wrong)}, 400)
    return _json({"error": f"no {asked[0]} /_sandbox/{asked[1]}"}, 404)


def _faults(method: str, body: bytes, faults: FaultBook) -> Response:
    if method == "GET":
        speeds = {key: getattr(faults, key) for key in SPEEDS}
        told = {**speeds, "images": faults.images, "quotas": faults.quotas}
        return _json({"rules": faults.rules(), **told})
    if method == "DELETE":
        faults.clear()
        return _json({})
    if method != "POST":
        return _json({"error": f"no {method} here"}, 404)
    return _set(json.loads(body), faults)


def _set(data: dict[str, Any], faults: FaultBook) -> Response:
    if len(data) == 1 and data.keys() <= set(SPEEDS):
        [(key, value)] = data.items()
        setattr(faults, key, float(value))
        return _json({key: getattr(faults, key)})
    if set(data) == {"images"}:
        if data["images"] not in FATES:
            raise ValueError(f"unknown fate {data['images']!r}; known: {FATES}")
        faults.images = data["images"]
        return _json(data)
    if set(data) == {"quotas"}:
        unknown = set(data["quotas"]) - set(QUOTAS)
        if unknown:
            raise ValueError(f"unknown quota {min(unknown)!r}; known: {', '.join(QUOTAS)}")
        faults.quotas |= {name: int(limit) for name, limit in data["quotas"].items()}
        return _json(data)
    rule = faults.add(parse_rule(data))
    return _json(next(r for r in faults.rules() if r["id"] == rule.id))


def _json(data: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(data), status, content_type="application/json")
