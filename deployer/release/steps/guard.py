"""Guard: reads everything, inventory first and ledger last; refuses a service that is not clean.

Reading costs nothing; a release that starts beside another one, or on the leftovers of a dead one,
can cost a night.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from deployer import events as e
from deployer.checks import refusals
from deployer.checks.database_access import refuse_access
from deployer.checks.leftovers import dirt_lines
from deployer.checks.live_units import check_live
from deployer.checks.service_state import NOT_OURS, ServiceState, survey
from deployer.release.context import ReleaseContext
from deployer.release.live.dns_names import refuse_names
from deployer.release.live.gate import refuse_nameless
from deployer.release.steps.image import live_machine
from reconciler.errors import ConfigError, Refused
from reconciler.gc.verdict import Verdict
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.deploy_id import SUFFIX_ALPHABET, SUFFIX_LENGTH, DeployId
from reconciler.model.ledger import Cutover, Ledger, Live
from reconciler.model.ledger_codec import LedgerTooLong, encode
from reconciler.model.ledger_home import claimed_by, settle
from reconciler.model.reading import Reading
from reconciler.model.resource import DATABASE, INSTANCE
from reconciler.plan.circuit_breaker import Breaker
from reconciler.plan.service_plan import ServicePlan
from reconciler.sweep.runner import sweep
from reconciler.util.polling import Backoff, looks


def guard(run: ReleaseContext) -> str:
    """Refuse with exit 3 unless the service is known, clean and free; choose the deploy's id."""
    service_plan, reading = look(run)
    if run.options.wait:
        service_plan, reading = _wait(run, service_plan, reading)
    if run.options.sweep_first and dirt(service_plan, run.options.despite):
        _sweep(run)
        service_plan, reading = look(run)
    refuse(run, service_plan, reading)
    refuse_names(run, service_plan, reading)
    _refuse_no_key(run)
    for note in refuse_access(run.ports, service_plan, reading.ledger):
        run.note("guard", note)
    run.service_plan = service_plan
    refuse_nameless(run, live_machine(run))
    for line in check_live(run.ports, service_plan, run.options.despite):
        run.emit(e.Warned(line))
    run.id = new_id(run.ports.service.name, reading)
    run.old_ttl = reading.drain_ttl
    _refuse_full(run, reading)
    return "clean" if reading.ledger and reading.ledger.live else "a first release"


def look(run: ReleaseContext) -> tuple[ServicePlan, Reading]:
    """The service's plan, and the reading that it was made from."""
    seen = survey(run.ports)
    if seen.reading is None:
        raise refusals.unknown(seen.service_plan.root)
    _refuse_unreachable(seen)
    run.reading = seen.reading
    run.was = _release_of_live(seen)
    return seen.service_plan, seen.reading


def _refuse_unreachable(seen: ServiceState) -> None:
    """An unreachable database server cannot be copied later: refuse before any create."""
    gap = next((one for one in seen.inventory.gaps if one.kind == DATABASE), None)
    if gap is not None and not seen.service_plan.problem:
        raise refusals.no_databases(seen.service_plan.service, gap)


def _release_of_live(seen: ServiceState) -> str:
    live = seen.ledger.live if seen.ledger else None
    machines = seen.machines(live.id) if live else ()
    said = next((one.tags[t.RELEASE] for one in machines if t.RELEASE in one.tags), "")
    return said or (str(live.id) if live else "")


def new_id(service: str, reading: Reading) -> DeployId:
    """A new deploy-id, with AWS's time: the local clock may be a day off."""
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
    return DeployId(service, reading.now.replace(microsecond=0), suffix)


def dirt(service_plan: ServicePlan, despite: frozenset[str] = frozenset()) -> list[Verdict]:
    """The garbage that blocks a release.

    Excluded are the resources named by `--despite`, those they use, and those that retention is
    about to forget: they are still rooted, not left over, and this release's follow-up handles
    them.
    """
    return [
        one
        for one in service_plan.deletes
        if one.resource.deploy not in service_plan.forget
        and not despite & {one.resource.id, *one.resource.used_by}
    ]


def refuse(run: ReleaseContext, service_plan: ServicePlan, reading: Reading) -> None:
    """Raise Refused for anything that blocks a release."""
    ledger = reading.ledger
    if service_plan.problem:
        raise refusals.unknown(service_plan.root)
    if ledger is None or ledger.live is None:
        _refuse_first(run, reading)
    if ledger is None:
        return
    if service_plan.notes:
        raise refusals.moved(service_plan)
    if ledger.lease is not None and service_plan.end is None:
        raise refusals.held(service_plan, ledger.lease)
    left = dirt(service_plan, run.options.despite)
    # A changed set of units is not dirt: this release gates by it, and its follow-up applies it.
    if (
        left
        or service_plan.end is not None
        or any(not one.units_only for one in service_plan.repairs)
    ):
        prices = run.ports.prices
        lines = dirt_lines(left, reading.now, prices)
        raise refusals.dirt(service_plan, left, lines, prices)
    if ledger.live is not None:
        _refuse_headless(service_plan, ledger.live)


def _refuse_headless(service_plan: ServicePlan, live: Live) -> None:
    """Live must have a machine to clone, and no machine whose birth is unproved.

    Nobody may stop a machine whose birth is not proved: its jobs would run beside the new ones.
    """
    there = [
        one
        for one in service_plan.verdicts
        if one.resource.kind == INSTANCE and set(one.resource.addresses) & set(live.at)
    ]
    for one in there:
        if one.reason in NOT_OURS:
            raise refusals.doubted(service_plan.service, live, one)
    if not any(one.resource.state == "running" for one in there):
        raise refusals.nothing_to_clone(service_plan.service, live)


def _refuse_no_key(run: ReleaseContext) -> None:
    """Resolve the SSH key now: it is needed as soon as a machine exists."""
    key = run.ports.service.ssh.key
    if key is not None:
        run.ports.resolve(key)


def _refuse_first(run: ReleaseContext, reading: Reading) -> None:
    """A first release needs a configured image, and a record without any address yet."""
    service, managed = run.ports.service, run.ports.managed
    if reading.a is not None:
        raise refusals.no_ledger(service.name, service.record, reading.a.addresses)
    taken = claimed_by(managed.address, (), managed.ledgers.neighbours(managed.address))
    if taken is not None:
        raise taken
    if service.instance.image is None:
        raise ConfigError(
            f"{service.name} has no live machine to clone and no image to begin from",
            cure=f"set instance.image (an AMI id) in services/{service.name}.toml",
        )


def _wait(
    run: ReleaseContext, service_plan: ServicePlan, reading: Reading
) -> tuple[ServicePlan, Reading]:
    """Read again until nobody holds the lease, up to the requested time.

    A failing release ends its lease before it deletes its resources (rule 3): while it still does
    so, a waiting release does not count them as dirt.
    """
    pace = Backoff(first=1.0, longest=10.0, deadline=run.options.wait.total_seconds())
    awaited: set[DeployId] = set()
    for _ in looks(pace):
        lease = reading.ledger.lease if reading.ledger else None
        if service_plan.end is not None or service_plan.problem:
            break
        if lease is not None:
            awaited.add(lease.id)
            run.note("guard", refusals.waited(lease, reading.now))
        elif _cleaning_up(run, service_plan, awaited):
            run.note("guard", "waiting for the other release to clean up after itself")
        else:
            break
        service_plan, reading = look(run)
    return service_plan, reading


def _cleaning_up(run: ReleaseContext, service_plan: ServicePlan, awaited: set[DeployId]) -> bool:
    """Whether an awaited release has not finished its clean-up."""
    if not awaited or run.options.sweep_first:
        return False
    left = dirt(service_plan, run.options.despite)
    return any(not one.units_only for one in service_plan.repairs) or any(
        one.resource.deploy in awaited for one in left
    )


def _sweep(run: ReleaseContext) -> None:
    managed = run.ports.managed
    run.note("guard", "sweeping first")
    breaker = Breaker(managed.cap)
    # The ordinary request: retention waits for the record's TTL. And the ordinary cap: the user
    # asks for a clean start, not for the deletion of all that a mistake may call garbage.
    result = sweep([managed], {}, breaker.hear, approve=breaker.check)
    if result.trouble:
        raise Refused(result.trouble[0], cure=f"reconciler sweep --service {managed.name}")
    run.note("guard", f"swept: {len(result.gone)} things removed")


def _refuse_full(run: ReleaseContext, reading: Reading) -> None:
    """Check before any create that the ledger after our commit fits into one TXT value."""
    old = settle(reading.ledger or ledgers.opened(), run.ports.managed.address)
    mine = run.deploy
    held = ledgers.acquire(old, mine, reading.now + timedelta(hours=24), "follow-up")
    addresses = tuple(f"255.255.255.{n % 256}" for n in range(run.ports.service.instance.count))
    seen = old.live.id if old.live else None
    after: Ledger = ledgers.commit(held, mine, Cutover(mine, addresses, seen, reading.now))
    try:
        encode(held)
        encode(after)
    except LedgerTooLong as error:
        raise Refused(
            f"{mine.service}: {error}",
            cure=f"keep fewer previous deploys (keep), then: reconciler sweep --service "
            f"{mine.service}",
        ) from error
