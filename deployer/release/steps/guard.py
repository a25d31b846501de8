"""Guard: reads everything, inventory first and ledger last; refuses a service that is not clean.

Reading costs nothing; a release that starts beside another one, or on the leftovers of a dead one,
can cost a night.
"""

from __future__ import annotations

from dataclasses import replace

from deployer import events as e
from deployer.checks import refusals
from deployer.checks.database_access import refuse_access
from deployer.checks.ledger_room import LONGEST_ADDRESS, refuse_full
from deployer.checks.leftovers import dirt_lines
from deployer.checks.live_traffic import refuse_elastic_ip, refuse_group_member
from deployer.checks.live_units import check_live
from deployer.checks.other_names import refuse_claimed
from deployer.checks.record_place import elsewhere_notes, refuse_elsewhere
from deployer.checks.served import refuse_strangers
from deployer.checks.service_state import NOT_OURS, ServiceState, survey
from deployer.ports import Ports
from deployer.release.context import REHEARSAL, ReleaseInputs, StartingPoint
from deployer.release.inferred_settings import volume_notes
from deployer.release.live.carried_files import refuse_files
from deployer.release.live.dns_names import refuse_names
from deployer.release.live.gate import refuse_nameless
from deployer.release.steps.image import live_machine
from reconciler.errors import ConfigError, Refused
from reconciler.gc.verdict import Verdict, decider
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Live, Via
from reconciler.model.ledger_home import settle
from reconciler.model.reading import Reading
from reconciler.model.resource import DATABASE, INSTANCE
from reconciler.plan.circuit_breaker import Breaker
from reconciler.plan.record_drift import machines_of
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.ports.journal.operation import operation_id
from reconciler.sweep.runner import sweep
from reconciler.traffic.release_addresses import without_addresses
from reconciler.util import humanize
from reconciler.util.backoff import Backoff


def guard(run: ReleaseInputs) -> StartingPoint:
    """Refuse with exit 3 unless the service is known, clean and free; choose the deploy's id."""
    start = look(run.ports)
    if not run.options.rehearsal:
        start = _end_rehearsal(run, start)
    if run.options.wait:
        start = _wait(run, start)
    if run.options.sweep_first and dirt(start.service_plan, run.options.despite):
        _sweep(run)
        start = look(run.ports)
    refuse(run, start)
    refuse_names(run, start.service_plan, start.reading)
    refuse_elastic_ip(run.ports, start.service_plan)
    _refuse_no_key(run)
    for note in run.ports.managed.traffic.check():
        run.emit(e.Warned(note))
    notes = refuse_access(run.ports, start.service_plan, start.reading.ledger)
    for note in (*elsewhere_notes(run.ports, start.reading), *notes):
        run.note("guard", note)
    live = live_machine(run.ports, start.reading.ledger, start.service_plan)
    refuse_nameless(run, live, start.service_plan)
    for note in volume_notes(run.ports.service, live, run.ports.prices):
        run.emit(e.Warned(note))
    for line in check_live(run.ports, start.service_plan, run.options.despite):
        run.emit(e.Warned(line))
    refuse_files(run.ports, start.service_plan)
    _refuse_full(run, start)
    return start


def look(ports: Ports) -> StartingPoint:
    """Read the service: what a release that begins now would start from."""
    seen = survey(ports)
    if seen.reading is None:
        raise refusals.unknown(seen.service_plan.root)
    seen.refuse_gone()
    _refuse_unreachable(seen)
    deploy = new_id(ports.service.name, seen.reading)
    return StartingPoint(deploy, seen.service_plan, seen.reading, _release_of_live(seen))


def _refuse_unreachable(seen: ServiceState) -> None:
    """An unreachable database server cannot be copied later: refuse before any create."""
    gap = next((one for one in seen.inventory.gaps if one.kind == DATABASE), None)
    if gap is not None and not seen.service_plan.problem:
        raise refusals.no_databases(seen.service_plan.service, gap)


def _release_of_live(seen: ServiceState) -> str:
    live = seen.ledger.live
    machines = seen.machines(live.id) if live else ()
    said = next((machine.tags[t.RELEASE] for machine in machines if t.RELEASE in machine.tags), "")
    return said or (str(live.id) if live else "")


def new_id(service: str, reading: Reading) -> DeployId:
    """A new deploy-id, with AWS's time: the local clock may be a day off."""
    return operation_id(service, reading.now)


def dirt(service_plan: ServicePlan, despite: frozenset[str] = frozenset()) -> list[Verdict]:
    """The garbage that blocks a release.

    Excluded are the resources named by `--despite`, those they use, those that retention is about
    to forget, and target groups that a rooted deploy needs no more: these are not left over, and
    this release's follow-up handles them.
    """
    ledger = service_plan.root.ledger
    served = {one.id for one in (ledger.live, *ledger.previous) if one is not None}
    return [
        verdict
        for verdict in service_plan.deletes
        if decider(ledger, verdict.resource) not in {*service_plan.forget, *served}
        and not despite & {verdict.resource.id, *verdict.resource.used_by}
    ]


def refuse(run: ReleaseInputs, start: StartingPoint) -> None:
    """Raise Refused for anything that blocks a release."""
    service_plan, reading = start.service_plan, start.reading
    _refuse_despite(run, service_plan)
    ledger = reading.ledger
    if service_plan.problem:
        raise refusals.unknown(service_plan.root)
    if ledger.live is None:
        _refuse_first(run, reading)
    if not ledger.exists:
        return
    if service_plan.notes:
        raise refusals.moved(service_plan)
    refuse_strangers(service_plan.root.traffic)
    if ledger.lease is not None and service_plan.end is None:
        raise refusals.held(service_plan, ledger.lease)
    left = dirt(service_plan, run.options.despite)
    # A changed set of units is not dirt: this release gates by it, and its follow-up applies it.
    if (
        left
        or service_plan.end is not None
        or any(not repair.units_only for repair in service_plan.repairs)
    ):
        prices = run.ports.prices
        lines = dirt_lines(left, reading.now, prices)
        raise refusals.dirt(service_plan, left, lines, prices)
    if ledger.live is not None:
        _refuse_headless(service_plan, ledger.live)


def _refuse_despite(run: ReleaseInputs, service_plan: ServicePlan) -> None:
    """Each word of `--despite` is a resource, a deploy, a unit of the configuration or a name."""
    app = run.ports.service.app
    known = {verdict.resource.id for verdict in service_plan.verdicts} | {*app.units, *app.jobs}
    known |= {str(deploy) for deploy in service_plan.root.ledger.named}
    unknown = [one for one in sorted(run.options.despite - known) if "." not in one]
    if unknown and not service_plan.problem:
        raise refusals.despite_nothing(service_plan.service, unknown)


def _refuse_headless(service_plan: ServicePlan, live: Live) -> None:
    """Live must have a machine to clone, and no machine whose birth is unproved.

    Nobody may stop a machine whose birth is not proved: its jobs would run beside the new ones.
    """
    there = [
        verdict
        for verdict in service_plan.verdicts
        if verdict.resource.kind == INSTANCE and set(verdict.resource.addresses) & set(live.at)
    ]
    for one in there:
        refuse_group_member(
            one.resource.id, one.resource.tags, f"deployer up {service_plan.service}"
        )
        if one.reason in NOT_OURS:
            raise refusals.doubted(service_plan.service, live, one)
    if not any(one.resource.state == "running" for one in there):
        raise refusals.nothing_to_clone(service_plan.service, live)


def _refuse_no_key(run: ReleaseInputs) -> None:
    """Resolve the SSH key now: it is needed as soon as a machine exists."""
    key = run.ports.service.ssh.stored_key
    if key is not None:
        run.ports.resolve(key)


def _refuse_first(run: ReleaseInputs, reading: Reading) -> None:
    """A first release needs a configured image, and a record without any address yet."""
    service, managed = run.ports.service, run.ports.managed
    if not managed.traffic.in_batch:
        raise Refused(
            f"traffic of {service.name} follows its ledger, and nobody is live yet: a first "
            "release has nobody to take it over from",
            cure=f"To bring what serves under a ledger   deployer adopt {service.name}",
        )
    # Before `no_ledger`, which offers to adopt: what another ledger has is not to be adopted.
    refuse_claimed(managed, reading.a.addresses if reading.a else ())
    if reading.a is not None:
        raise refusals.no_ledger(service.name, service.record, reading.a.addresses)
    refuse_elsewhere(run.ports, reading)
    if service.instance.image is None:
        raise ConfigError(
            f"{service.name} has no live machine to clone and no image to begin from",
            cure=f"set instance.image (an AMI id) in services/{service.name}.toml",
        )


def _wait(run: ReleaseInputs, start: StartingPoint) -> StartingPoint:
    """Read again until nobody holds the lease, up to the requested time.

    A failing release ends its lease before it deletes its resources (rule 3): while it still does
    so, a waiting release does not count them as dirt.
    """
    pace = Backoff(first=1.0, longest=10.0, deadline=run.options.wait.total_seconds())
    awaited: set[DeployId] = set()
    for _ in pace.attempts():
        service_plan, lease = start.service_plan, start.reading.ledger.lease
        if service_plan.end is not None or service_plan.problem:
            break
        if lease is not None:
            awaited.add(lease.id)
            run.note("guard", refusals.waited(lease, start.reading.now))
        elif _cleaning_up(run, service_plan, awaited):
            run.note("guard", "waiting for the other release to clean up after itself")
        else:
            break
        start = look(run.ports)
    return start


def _end_rehearsal(run: ReleaseInputs, start: StartingPoint) -> StartingPoint:
    """A rehearsal gives way to a release, as to `abort`: nobody waits for it."""
    managed, lease = run.ports.managed, start.reading.ledger.lease
    if lease is None or lease.step != REHEARSAL or start.service_plan.problem:
        return start
    run.note("guard", f"ending the rehearsal {lease.id}, and removing what it made")
    ask = SweepRequest(managed.retention, only=lease.id, end_lease=lease, operator=True)
    sweep(Fleet.of(managed, ask))
    return look(run.ports)


def _cleaning_up(run: ReleaseInputs, service_plan: ServicePlan, awaited: set[DeployId]) -> bool:
    """Whether an awaited release has not finished its clean-up."""
    if not awaited or run.options.sweep_first:
        return False
    left = dirt(service_plan, run.options.despite)
    return any(not repair.units_only for repair in service_plan.repairs) or any(
        one.resource.deploy in awaited for one in left
    )


def _sweep(run: ReleaseInputs) -> None:
    managed = run.ports.managed
    run.note("guard", "sweeping first")
    breaker = Breaker(managed.cap)
    # The ordinary request: retention waits for the record's TTL. And the ordinary cap: the user
    # asks for a clean start, not for the deletion of all that a mistake may call garbage.
    result = sweep(Fleet.of(managed), breaker.hear, approve=breaker.check)
    if result.trouble:
        raise Refused(result.trouble[0], cure=f"reconciler sweep --service {managed.name}")
    run.note("guard", f"swept: {humanize.count(len(result.gone), 'resource')} removed")


def _refuse_full(run: ReleaseInputs, start: StartingPoint) -> None:
    """Check before any create that our commit and every later rollback fit into one TXT value."""
    mine, reading = start.deploy, start.reading
    settled = settle(reading.ledger, run.ports.managed.address)
    old = without_addresses(settled, machines_of(start.service_plan.verdicts))
    held = ledgers.acquire(replace(old, lease=None), mine, reading.now)
    addresses = (LONGEST_ADDRESS,) * run.ports.service.instance.count
    seen = old.live.id if old.live else None
    config = run.ports.service.database
    shares = seen is not None and config is not None and config.copy_ != "always"
    db = old.database_of(seen) if shares and seen else None
    cut = Cutover(mine, addresses, seen, reading.now, Via.PRIVATE, db)
    refuse_full(ledgers.commit(held, mine, cut), mine, reading.now)
