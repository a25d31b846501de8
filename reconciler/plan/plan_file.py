"""A plan in a file: approved actions, to be carried out later. Pure.

`sweep --plan FILE` is the ordinary sweep (inventory first, ledger last, mark, plan) restricted to
the actions in the file. So a file can only remove actions from what a sweep would do now, never add
any: its digest guards against accidents, and safety does not need the file to be secret or true.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.errors import ConfigError, Refused
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Role
from reconciler.model.deploy_id import DeployId, format_time, parse_time
from reconciler.model.tags import AccountRegion
from reconciler.plan.approved_actions import ApprovedAction, ApprovedActions
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.util.humanize import rough

FORMAT = "reconciler plan"
VERSION = 1
MAX_AGE = timedelta(hours=24)
"""An approval older than a day is refused: the cloud has changed since."""

SKEW = timedelta(minutes=5)
CURE = "To make one anew     reconciler plan -o FILE"


@dataclass(frozen=True)
class PlanFile:
    """What a plan does, when it was made (AWS's clock), and `unfinished_only` of its sweep."""

    made: datetime
    unfinished_only: bool
    orders: tuple[ApprovedActions, ...]

    @property
    def services(self) -> tuple[str, ...]:
        """The services in the file."""
        return tuple(one.home.service for one in self.orders)

    def order(self, service: str) -> ApprovedActions | None:
        """The approved actions on a service."""
        return next((one for one in self.orders if one.home.service == service), None)


def of(plan: Plan, now: datetime, *, unfinished_only: bool) -> PlanFile:
    """The plan as approved actions. `now` is the ledgers' time, or any other if none was read."""
    known = (one for one in plan.services if not one.problem)
    return PlanFile(
        now.replace(microsecond=0), unfinished_only, tuple(_order(one) for one in known)
    )


def _order(service_plan: ServicePlan) -> ApprovedActions:
    return ApprovedActions(
        service_plan.root.home,
        service_plan.end.id if service_plan.end else None,
        frozenset((one.deploy, one.role) for one in service_plan.repairs),
        service_plan.readdress,
        service_plan.forget,
        tuple(ApprovedAction.of(one.resource) for one in service_plan.deletes),
    )


def encode(file: PlanFile, shown: Mapping[str, Any]) -> str:
    """The file's text. `shown` is the plan for people and programs to read; no sweep uses it."""
    document = {
        **shown,
        "format": FORMAT,
        "version": VERSION,
        "made": format_time(file.made),
        "young": file.unfinished_only,
        "orders": [_order_json(one) for one in file.orders],
    }
    return json.dumps({**document, "digest": _digest(document)}, indent=1) + "\n"


def decode(text: str) -> PlanFile:
    """The plan in a file's text. Raises ConfigError with one line for any other text."""
    document = _document(text)
    if document.get("format") != FORMAT:
        raise ConfigError("this is not a plan of ours", cure=CURE)
    if document.get("version") != VERSION:
        version = str(document.get("version"))[:20]
        raise ConfigError(f"this plan is of version {version}, we know {VERSION}", cure=CURE)
    said = document.pop("digest", None)
    if said != _digest(document):
        raise ConfigError("the plan has been changed since it was made", cure=CURE)
    try:
        return _plan_file(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError("the plan does not hold together", cure=CURE) from error


def check_homes(file: PlanFile, homes: Mapping[str, ServiceLocation]) -> None:
    """Raises ConfigError unless every service has the same account, region and ledger as then."""
    for one in file.orders:
        now, then = homes.get(one.home.service), one.home
        if now is None or now == then:
            continue
        what = f"in {now.place}" if now.place != then.place else f"under the ledger {now.ledger}"
        was = f"{then.place}" if now.place != then.place else then.ledger
        raise ConfigError(f"the plan was made for {was}, and {then.service} is {what}", cure=CURE)


def check_age(file: PlanFile, now: datetime) -> None:
    """Raises Refused if the plan is too old by the ledgers' time, or dated in the future."""
    if now - file.made > MAX_AGE:
        age = rough(now - file.made)
        raise Refused(
            f"the plan was made {age} ago, and may be {rough(MAX_AGE)} old; nothing was touched",
            cure=CURE,
        )
    if file.made - now > SKEW:
        when = format_time(file.made)
        raise Refused(f"the plan was made at {when}, which is yet to come", cure=CURE)


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError("this is not a plan: it is not JSON", cure=CURE) from error
    if not isinstance(found, dict):
        raise ConfigError("this is not a plan of ours", cure=CURE)
    return found


def _digest(document: Mapping[str, Any]) -> str:
    """The digest of everything else in the file; spaces and key order do not matter."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _order_json(one: ApprovedActions) -> dict[str, Any]:
    finish = sorted((str(deploy), role.value) for deploy, role in one.finish)
    return {
        "service": one.home.service,
        "account": one.home.place.account,
        "region": one.home.place.region,
        "ledger": one.home.ledger,
        "end": str(one.end) if one.end else None,
        "finish": [{"deploy": deploy, "role": role} for deploy, role in finish],
        "repoint": list(one.repoint),
        "forget": [str(deploy) for deploy in one.forget],
        "delete": [
            {"kind": each.kind, "id": each.id, "deploy": str(each.deploy)} for each in one.delete
        ],
    }


def _plan_file(document: Mapping[str, Any]) -> PlanFile:
    orders = tuple(_order_of(one) for one in _list(document["orders"]))
    services = [one.home.service for one in orders]
    if len(set(services)) != len(services) or not isinstance(document["young"], bool):
        raise ValueError("a service twice, or no word on its extent")
    return PlanFile(parse_time(_text(document["made"])), document["young"], orders)


def _order_of(one: Mapping[str, Any]) -> ApprovedActions:
    place = AccountRegion(_text(one["account"]), _text(one["region"]))
    finish = ((_deploy(each["deploy"]), Role(each["role"])) for each in _list(one["finish"]))
    return ApprovedActions(
        ServiceLocation(_text(one["service"]), _text(one["ledger"]), place),
        _deploy(one["end"]) if one["end"] is not None else None,
        frozenset(finish),
        tuple(_text(each) for each in _list(one["repoint"])),
        tuple(_deploy(each) for each in _list(one["forget"])),
        tuple(
            ApprovedAction(_text(each["kind"]), _text(each["id"]), _deploy(each["deploy"]))
            for each in _list(one["delete"])
        ),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is wanted")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is wanted")
    return value


def _deploy(value: object) -> DeployId:
    return DeployId.parse(_text(value))
