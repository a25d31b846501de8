"""`deployer doctor`: checks what a release needs, one by one, each failure with its cure.

Reads only. A failing check does not stop the others: the user wants the whole list at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from deployer.checks.database_access import refuse_access
from deployer.checks.live_units import check_live
from deployer.checks.service_state import survey
from deployer.checks.session import outlasts
from deployer.checks.ssh_route import check_route
from deployer.ports import Ports
from deployer.wiring import wired
from reconciler.config.loader import Settings, refuse_unbuilt
from reconciler.config.service import Service
from reconciler.errors import ToolError
from reconciler.util import humanize
from reconciler.wiring.edges import Edges


@dataclass(frozen=True)
class Check:
    """The result of one check of one service."""

    service: str
    check: str
    ok: bool
    text: str
    cure: str = ""
    detail: str = ""


def examine(settings: Settings) -> tuple[Check, ...]:
    """Run every check for every service."""
    return tuple(one for name in settings.services for one in _service(settings, name))


def _service(settings: Settings, name: str) -> Iterator[Check]:
    service = settings.service(name)
    yield _try(name, "settings", lambda: _settings(service))
    yield _try(name, "code", lambda: _code(service))
    try:
        ports = wired(settings, name)
        yield Check(name, "account", ok=True, text=f"{service.account} in {service.region}")
        yield _try(name, "session", lambda: _session(settings, service))
        for title, probe in _PROBES:
            yield _try(name, title, lambda probe=probe: probe(ports))  # type: ignore[misc]
    except ToolError as error:
        yield Check(name, "account", ok=False, text=error.message, cure=error.cure)


def _try(service: str, name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(service, name, ok=True, text=probe())
    except ToolError as error:
        return Check(service, name, False, error.message, error.cure, error.detail)


def _settings(service: Service) -> str:
    refuse_unbuilt(service)
    return f"services/{service.name}.toml is understood"


def _code(service: Service) -> str:
    if not service.code.source.exists():
        raise ToolError(f"code.source: {service.code.source} does not exist")
    return str(service.code.source)


def _session(settings: Settings, service: Service) -> str:
    """Whether the credentials last as long as a release may take."""
    end = Edges(settings).aws(service.place).session_end()
    return outlasts(end, service.lease.limit, datetime.now(UTC))


def _key(ports: Ports) -> str:
    key = ports.service.ssh.stored_key
    if key is None:
        said = ports.service.ssh.key
        return f"{said}: made for each session" if said else "the agent is asked"
    ports.resolve(key)
    return f"{key} is there"


def _store(ports: Ports) -> str:
    return ports.managed.ledgers.kept_where(ports.managed.address)


def _ledger(ports: Ports) -> str:
    seen = survey(ports)
    reading, ledger = seen.known()
    live = f"live {ledger.live.id}" if ledger.live else "nobody live"
    return f"{reading.address.name}: generation {ledger.gen}, {live}"


def _machine(ports: Ports) -> str:
    """Whether the live machines run where the record says."""
    seen = survey(ports)
    _, ledger = seen.known()
    if ledger.live is None:
        return "none yet"
    found = ports.compute.find_instances_at(ledger.live.at)
    down = [one for one in found if one.state != "running"]
    if not found or down:
        what = f"{down[0].id} is {down[0].state}" if down else "no machine"
        raise ToolError(f"{what} at {', '.join(ledger.live.at)}")
    return f"{humanize.count(len(found), 'machine')} running"


def _traffic(ports: Ports) -> str:
    """Whether a release can switch what leads to live, and whether that is where it should be."""
    routes = ports.managed.routes()
    if routes is None:
        return "the record"
    notes = ports.managed.traffic.check()
    cure = f"To see how it stands   deployer traffic {ports.managed.name}"
    if notes:
        raise ToolError(notes[0], detail="\n".join(notes[1:]), cure=cure)
    return "; ".join(map(str, routes.routes))


def _units(ports: Ports) -> str:
    """Whether systemd knows every configured unit on live, and what else acts on a clone."""
    seen = survey(ports)
    seen.known()
    said = check_live(ports, seen.service_plan)
    count = len(ports.service.app.units) + len(ports.service.app.jobs)
    return "; ".join((humanize.count(count, "unit") + " looked up on live", *said))


def _database(ports: Ports) -> str:
    if ports.service.database is None:
        return "none configured"
    infos = ports.managed.reach.databases().databases()
    return f"{humanize.count(len(infos), 'database')} on its server"


def _roles(ports: Ports) -> str:
    """Whether the application's role exists as configured, and which other roles write."""
    config = ports.service.database
    if config is None:
        return "none configured"
    seen = survey(ports)
    _, ledger = seen.known()
    notes = refuse_access(ports, seen.service_plan, ledger)
    return "; ".join(notes) or f"{config.app_role} owns what it writes; nobody else writes there"


def _journal(ports: Ports) -> str:
    """Whether the journal can be listed, written and read. One small object stays there."""
    if ports.journal is None:
        return "none configured"
    probe = f"{ports.managed.name}/doctor"
    tuple(islice(ports.journal.keys(ports.managed.name), 1))
    stands = ports.journal.get(probe)
    ports.journal.put(probe, b"written by deployer doctor\n", stands.version if stands else None)
    return "written and read"


_PROBES: Sequence[tuple[str, Callable[[Ports], str]]] = (
    ("ssh key", _key),
    ("ssh via", check_route),
    ("kept in", _store),
    ("ledger", _ledger),
    ("machines", _machine),
    ("traffic", _traffic),
    ("units", _units),
    ("database", _database),
    ("roles", _roles),
    ("journal", _journal),
)


def check_lines(checks: Sequence[Check]) -> list[str]:
    """One line per check, with details and the cure below a failure."""
    lines: list[str] = []
    for check in checks:
        mark = "✓" if check.ok else "✗"
        lines.append(f"{mark} {check.service:<8} {check.check:<9} {humanize.one_line(check.text)}")
        lines += [f"    {line}" for line in humanize.clean(check.detail).splitlines()]
        lines += [f"    {cure}" for cure in check.cure.splitlines()]
    return lines or ["no service is configured"]


def check_json(checks: Sequence[Check]) -> dict[str, Any]:
    """The same as an object."""
    return {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]}
