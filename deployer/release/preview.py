"""`deployer plan`: what `up` would do, with every inferred value and its origin. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from deployer import events as e
from deployer.checks.database_access import refuse_access
from deployer.checks.leftovers import dirt_lines
from deployer.checks.live_traffic import refuse_elastic_ip
from deployer.checks.live_units import check_live
from deployer.checks.record_place import elsewhere_notes
from deployer.ports import Ports
from deployer.provisioning.release_cost import cost_lines
from deployer.provisioning.repository import examine_code, since_live
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.inferred_settings import (
    Inferred,
    Shape,
    client_addresses,
    new_machines,
    shape,
    volume_notes,
)
from deployer.release.live.carried_files import refuse_files
from deployer.release.live.dns_names import refuse_names
from deployer.release.live.kept_release import kept_release
from deployer.release.steps.guard import dirt, look, refuse
from deployer.release.steps.image import live_machine
from reconciler.config.loader import refuse_unbuilt
from reconciler.config.service import Database, Service
from reconciler.errors import ConfigError, Refused, ToolError
from reconciler.model.ledger import Ledger
from reconciler.plan.service_plan import ServicePlan
from reconciler.ports.journal.reader import last_figures
from reconciler.util.duration import format_duration
from reconciler.util.humanize import span

Steps = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Preview:
    """What a release would do. `refusal` is set where it would be refused.

    `code` says what the ref would ship, and how it differs from live; `costs` what that costs;
    `times` how long the last one took.
    """

    service: str
    deploy: str
    was: str
    steps: tuple[tuple[str, str], ...]
    values: tuple[Inferred, ...]
    dirt: tuple[str, ...]
    refusal: ToolError | None
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    ref: str = "HEAD"


def preview(ports: Ports, ref: str = "HEAD") -> Preview:
    """Read, infer and report; the id is an example of one that a release started now would get."""
    run = ReleaseInputs(ports, ReleaseOptions(ref), e.ignore)
    service = ports.service
    refuse_unbuilt(service)
    start = look(ports)
    service_plan, reading = start.service_plan, start.reading
    refusal: ToolError | None = None
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    try:
        code = _code(service, start.was, ref)
        refuse(run, start)
        refuse_names(run, service_plan, reading)
        refuse_elastic_ip(ports, service_plan)
        notes = (*ports.managed.traffic.check(), *elsewhere_notes(ports, reading))
        notes += check_live(ports, service_plan)
        refuse_files(ports, service_plan)
        notes += refuse_access(ports, service_plan, reading.ledger)
        notes += volume_notes(service, live_machine(ports, reading.ledger), ports.prices)
    except (Refused, ConfigError) as error:
        refusal = error
    wanted = _shape(ports, reading.ledger)
    left = dirt(service_plan, run.options.despite)
    return Preview(
        service=service.name,
        deploy=str(start.deploy),
        was=start.was,
        steps=tuple(steps(service, wanted, ports.managed.traffic.steps)),
        values=(*(wanted.origins if wanted else ()), *_routes(ports)),
        dirt=tuple(dirt_lines(left, reading.now, ports.prices)),
        refusal=refusal,
        notes=notes,
        code=code,
        costs=_costs(ports, wanted, service_plan, reading.ledger),
        times=_times(ports),
        ref=ref,
    )


def _code(service: Service, was: str, ref: str) -> tuple[str, ...]:
    """What the ref would ship. Raises ConfigError for one that `up` would refuse."""
    shipped = examine_code(service.code.source, ref)
    changes = since_live(service.code.source, was, ref)
    return (f"{shipped.text}{f': {changes}' if changes else ''}", *shipped.notes())


def _times(ports: Ports) -> tuple[str, ...]:
    """How long a release takes and refuses writes, by the newest in the journal."""
    name = ports.service.name
    known = last_figures(ports.journal, name) if ports.journal is not None else None
    if known is None:
        where = "" if ports.journal is not None else ": no journal is kept (docs/journal.md)"
        return f"not known{where}", f"to measure it   deployer rehearse {name}"
    rehearsed = "the rehearsal of " if known.rehearsed else ""
    freeze = f", {span(known.frozen)} of it without writes" if known.frozen is not None else ""
    return (f"about {span(known.total)}{freeze}, as {rehearsed}{known.release} took",)


def _costs(
    ports: Ports, wanted: Shape | None, service_plan: ServicePlan, ledger: Ledger
) -> tuple[str, ...]:
    if wanted is None:
        return ()
    fleet = new_machines(ports.service, wanted)
    live = kept_release(ports, service_plan, ledger)
    return cost_lines(ports.service, fleet, ports.prices, live)


def _shape(ports: Ports, ledger: Ledger) -> Shape | None:
    """The new machines' properties; None where there is no source to infer them from."""
    try:
        at = client_addresses(ports.managed, ledger)
        return shape(ports.service, live_machine(ports, ledger), at)
    except (ConfigError, Refused):
        return None


def steps(service: Service, wanted: Shape | None, of_traffic: Steps = ()) -> list[tuple[str, str]]:
    """Each step that would do something, and its action, in the terms of the configuration."""
    database, app = service.database, service.app
    count = service.instance.count
    lines = [
        ("image", _image(service)),
        ("launch", f"{count} × {wanted.type if wanted else '?'}, one call, born tagged"),
        ("connect", f"host key pinned; masked until tested: {', '.join((*app.units, *app.jobs))}"),
        ("code", f"{service.code.source} to {service.code.path}"),
    ]
    if service.code.install:
        lines.append(("install", "; ".join(service.code.install)))
    if database is not None:
        if service.carry:
            lines.append(("files", _files(service)))
        lines.append(("database", _database(database)))
        if database.migrate:
            own = " (on live's database: what a failure leaves changed stays)"
            shared = own if database.copy_ == "never" else ""
            lines.append(("migrate", "; ".join(database.migrate) + shared))
    lines.append(("start", ", ".join(app.units)))
    lines += [("smoke", check.http or check.command or "") for check in service.smoke]
    names = ", ".join((service.record, *service.also))
    lines += of_traffic or (("commit", f"{names} and the ledger, in one batch"),)
    jobs = f"jobs {', '.join(app.jobs)} here, not there; " if app.jobs else ""
    lines.append(("follow-up", f"{jobs}keep {service.keep} for rollback"))
    return lines


def _files(service: Service) -> str:
    folders = ", ".join(service.carry)
    return f"{folders} from live: a first pass now, a last one while writes are refused"


def _database(database: Database) -> str:
    if database.copy_ == "never":
        return "shared with live: no copy, no freeze"
    limit = format_duration(database.max_freeze)
    frozen = f"live refuses writes meanwhile, given up after {limit}"
    lost = "what is written meanwhile is lost"
    copy = f"copy, without publications; {frozen if database.writes == 'freeze' else lost}"
    if database.pending is None:
        return copy
    return f"`{database.pending}` on the new machine decides: 0 shares live's, else {copy}"


def _routes(ports: Ports) -> tuple[Inferred, ...]:
    said = ports.service.traffic.routes
    origin = f"services/{ports.service.name}.toml" if said else "the record leads to it"
    return tuple(Inferred("traffic", arn, origin) for arn in ports.managed.address.traffic)


def _image(service: Service) -> str:
    if service.instance.image_from == "base":
        return f"{service.instance.image}, the configured base"
    reboot = "no reboot" if service.instance.no_reboot else "live is rebooted"
    return f"of the live machine, {reboot}; files = {service.files}"
