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
        return tuple(order.home.service for order in self.orders)

    def order(self, service: str) -> ApprovedActions | None:
        """The approved actions on a service."""
        return next((order for order in self.orders if order.home.service == service), None)


def of(plan: Plan, now: datetime, *, unfinished_only: bool) -> PlanFile:
    """The plan as approved actions. `now` is the ledgers' time, or any other if none was read."""
    known = (service_plan for service_plan in plan.services if not service_plan.problem)
    return PlanFile(now.replace(microsecond=0), unfinished_only, tuple(map(_order, known)))


def _order(service_plan: ServicePlan) -> ApprovedActions:
    return ApprovedActions(
        service_plan.root.home,
        service_plan.end.id if service_plan.end else None,
        frozenset((repair.deploy, repair.role) for repair in service_plan.repairs),
        service_plan.readdress,
        service_plan.forget,
        tuple(ApprovedAction.of(verdict.resource) for verdict in service_plan.deletes),
    )


def encode(file: PlanFile, shown: Mapping[str, Any]) -> str:
    """The file's text. `shown` is the plan for people and programs to read; no sweep uses it."""
    document = {
        **shown,
        "format": FORMAT,
        "version": VERSION,
        "made": format_time(file.made),
        "young": file.unfinished_only,
        "orders": [_order_json(order) for order in file.orders],
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
    written = document.pop("digest", None)
    if written != _digest(document):
        raise ConfigError("the plan has been changed since it was made", cure=CURE)
    try:
        return _plan_file(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError("the plan file is corrupt", cure=CURE) from error


def check_homes(file: PlanFile, homes: Mapping[str, ServiceLocation]) -> None:
    """Raises ConfigError unless every service has the same account, region and ledger as then."""
    for order in file.orders:
        now, then = homes.get(order.home.service), order.home
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


def _order_json(actions: ApprovedActions) -> dict[str, Any]:
    finish = sorted((str(deploy), role.value) for deploy, role in actions.finish)
    return {
        "service": actions.home.service,
        "account": actions.home.place.account,
        "region": actions.home.place.region,
        "ledger": actions.home.ledger,
        "end": str(actions.end) if actions.end else None,
        "finish": [{"deploy": deploy, "role": role} for deploy, role in finish],
        "repoint": list(actions.repoint),
        "forget": [str(deploy) for deploy in actions.forget],
        "delete": [_delete_json(action) for action in actions.delete],
    }


def _delete_json(action: ApprovedAction) -> dict[str, str]:
    return {"kind": action.kind, "id": action.id, "deploy": str(action.deploy)}


def _plan_file(document: Mapping[str, Any]) -> PlanFile:
    orders = tuple(_order_of(order) for order in _list(document["orders"]))
    services = [order.home.service for order in orders]
    if len(set(services)) != len(services) or not isinstance(document["young"], bool):
        raise ValueError("a service twice, or no word on its extent")
    return PlanFile(parse_time(_text(document["made"])), document["young"], orders)


def _order_of(document: Mapping[str, Any]) -> ApprovedActions:
    place = AccountRegion(_text(document["account"]), _text(document["region"]))
    finish = ((_deploy(each["deploy"]), Role(each["role"])) for each in _list(document["finish"]))
    return ApprovedActions(
        ServiceLocation(_text(document["service"]), _text(document["ledger"]), place),
        _deploy(document["end"]) if document["end"] is not None else None,
        frozenset(finish),
        tuple(_text(each) for each in _list(document["repoint"])),
        tuple(_deploy(each) for each in _list(document["forget"])),
        tuple(
            ApprovedAction(_text(each["kind"]), _text(each["id"]), _deploy(each["deploy"]))
            for each in _list(document["delete"])
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
