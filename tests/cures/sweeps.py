"""Releases, rollbacks and sweeps that end half-way, or are refused for what they would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from deployer.release.context import ReleaseContext
from reconciler.database.state_comment import Memory, encode, parse
from reconciler.errors import CannotConnect, CloudError, DatabaseError, ToolError
from reconciler.machine.unit_control import Act, obey
from reconciler.model import tags as t
from reconciler.model.ledger import LedgerHome, Live, Previous, Via
from reconciler.model.reading import ARecord
from reconciler.model.tags import Label
from tests.cures.case import Case
from tests.cures.desk import UNDER_WAY, Desk, www_gone, www_names
from tests.cures.lease import LIVE_DB, counted, leftovers
from tests.fakes.elastic_ip import ALLOCATION, FakeElasticIp
from tests.fakes.scene import ROLE
from tests.support.shop_world import (
    CLEAN,
    DEAD,
    GATE,
    LEDGER,
    LIVE,
    NOW,
    OLD,
    PLACE,
    UNITS,
    deploy,
    resources,
)

MANY = 60
BACK, SWEEP = "deployer rollback shop", "reconciler sweep --service shop"
OLD_DB = OLD.database_name(LEDGER)


def written(desk: Desk) -> None:
    """Live has taken writes since its release."""
    counted(desk)
    desk.scene.server.write(LIVE_DB, ROLE, "public.orders")


def rejected(desk: Desk) -> None:
    """The only release to go back to was rejected."""
    counted(desk)
    desk.scene.ledger = replace(
        CLEAN, previous=tuple(replace(one, rejected=True) for one in CLEAN.previous)
    )


def no_capacity(desk: Desk) -> None:
    """The release to go back to is parked, and AWS has no room for its machine."""
    counted(desk)
    desk.scene.heap.change("i-9", state="stopped", tags={t.UNITS: f"{UNITS} parked"})
    lack = CloudError("no capacity", code="InsufficientInstanceCapacity")
    desk.scene.compute.failing["start"] = lack


def room_again(desk: Desk) -> None:
    """It has room again."""
    desk.scene.compute.failing.clear()


def thaw_fails(desk: Desk) -> None:
    """The database server restarts right after the switch."""
    counted(desk)
    desk.scene.server.failing["thaw"] = DatabaseError("the server is restarting")


def server_back(desk: Desk) -> None:
    """It is back."""
    desk.scene.server.failing.clear()


def sealed(desk: Desk) -> None:
    """The memory of the older database has nothing to give back."""
    counted(desk)
    older = desk.scene.server.held[OLD_DB]
    older.comment = encode(replace(parse(older.comment), acls=frozenset()))
    older.grants.clear()


def bare(desk: Desk) -> None:
    """The older release uses a database that people made, in which nobody may write."""
    counted(desk)
    server = desk.scene.server
    del server.held[OLD_DB]
    server.create("shop", ROLE, Memory(OLD, LEDGER, NOW))
    server.held["shop"].comment = ""
    server.held["shop"].grants.clear()
    env = f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/shop\n"
    desk.scene.reach.machine("i-9", "10.0.1.9").write("/etc/shop/env", env)


def writable(desk: Desk) -> None:
    """Its owner gives the application what it had."""
    desk.scene.server.held["shop"].add_table("public.orders", 3)


def carried(desk: Desk) -> None:
    """The service writes files, and nobody knows which of them are new."""
    counted(desk)
    desk.changes.update(files="carry", carry=["/srv/shop/uploads"])


def granted(desk: Desk) -> None:
    """Its owner gives the application what it had."""
    desk.scene.server.held[OLD_DB].add_table("public.orders", 3)


def in_use(desk: Desk) -> None:
    """A leftover database that somebody works in."""
    leftovers(desk)
    desk.scene.server.held[desk.scene.add_database(DEAD)].sessions = ["dba"]


def left_alone(desk: Desk) -> None:
    """Nobody works in any database any more."""
    for one in desk.scene.server.held.values():
        one.sessions.clear()


def makes(then: Callable[[ReleaseContext, Desk], None]) -> Callable[[Desk], None]:
    """A release that makes its machines and its database; `then` is what happens in it."""

    def bring(desk: Desk) -> None:
        counted(desk)

        def step(run: ReleaseContext) -> str:
            every = resources(run.deploy, "v2", Label.PENDING, 51)
            desk.scene.heap.add(every[:-1])
            desk.scene.add_database(run.deploy)
            then(run, desk)
            return ""

        desk.release_does(step)

    return bring


def _somebody_comes(run: ReleaseContext, desk: Desk) -> None:
    desk.scene.server.held[run.deploy.database_name(LEDGER)].sessions = ["dba"]
    raise ToolError(UNDER_WAY)


def goes_live(run: ReleaseContext, desk: Desk) -> None:
    """Its commit."""
    live = run.start.reading.ledger.live
    desk.scene.ledgers.point(desk.scene.address, LIVE_AT)
    run.held.commit(run.deploy, ("10.0.1.51",), live.id if live else None)
    desk.scene.server.record_baseline(
        run.deploy.database_name(LEDGER),
        run.ports.managed.fenced_act(run.held.generation, run.deploy, ()),
    )


def _goes_live_and_is_silent(run: ReleaseContext, desk: Desk) -> None:
    goes_live(run, desk)
    desk.scene.reach.down["i-51"] = CannotConnect("no answer from 10.0.1.51:22", kind="refused")


def heard(desk: Desk) -> None:
    """The machine answers."""
    desk.scene.reach.down.clear()


def too_much(desk: Desk) -> None:
    """More is left over than a sweep may delete by itself."""
    counted(desk)
    for number in range(MANY // 3):
        every = resources(DEAD, "v1.4.9", Label.PENDING, 200 + number)
        desk.scene.heap.add(every[:-1])


def beyond(desk: Desk) -> None:
    """Retention would forget the release before, and another name leads to it."""
    counted(desk)
    desk.changes["keep"] = 1
    between = deploy(60 * 24 * 3, "ccccc")
    desk.scene.heap.add(resources(between, "v1.4.5", Label.RETIRED, 12)[:-1])
    desk.scene.add_database(between, shut=True)
    newer = Previous(between, NOW - timedelta(minutes=70), count=1, via=Via.PRIVATE)
    [old] = CLEAN.previous
    previous = (newer, replace(old, retired=NOW - timedelta(days=3)))
    desk.scene.ledger = replace(CLEAN, previous=previous)
    desk.scene.ledgers.zone.records["old.example.com"] = ARecord(60, ("10.0.1.9",))


def name_gone(desk: Desk) -> None:
    """That name is deleted."""
    del desk.scene.ledgers.zone.records["old.example.com"]


def named(desk: Desk) -> None:
    """Another name leads to live."""
    counted(desk)
    www_names(desk, LIVE_AT)


def www_also(desk: Desk) -> None:
    """It is to move along."""
    address = replace(desk.scene.managed.address, also=("www.example.com",))
    desk.scene.managed = replace(desk.scene.managed, address=address)
    desk.changes["also"] = ["www.example.com"]


def apart(desk: Desk) -> None:
    """A name that is to move along leads elsewhere."""
    counted(desk)
    www_names(desk, "10.0.9.9")
    www_also(desk)


def together(desk: Desk) -> None:
    """It leads to live."""
    www_names(desk, LIVE_AT)


def unlisted(desk: Desk) -> None:
    """The names of the zone cannot be listed."""
    counted(desk)
    desk.scene.ledgers.unlisted = CloudError("route53: no answer", cure="try again")


def listed(desk: Desk) -> None:
    """They can."""
    desk.scene.ledgers.unlisted = None


def in_group(desk: Desk) -> None:
    """Somebody has put live into an Auto Scaling group."""
    counted(desk)
    desk.scene.heap.change("i-17", tags={"aws:autoscaling:groupName": "web"})


def detached(desk: Desk) -> None:
    """It is taken out."""
    desk.scene.heap.untag("i-17", ["aws:autoscaling:groupName"])


def elastic(desk: Desk) -> None:
    """The record names an Elastic IP of live."""
    counted(desk)
    scene = desk.scene
    scene.heap.change("i-17", public=(ELASTIC,), addresses=(LIVE_AT, ELASTIC))
    scene.compute.elastic.add(ELASTIC)
    scene.ledgers.point(scene.address, ELASTIC)
    scene.ledger = replace(CLEAN, live=Live(LIVE, (ELASTIC,), via=Via.PUBLIC))


def private_again(desk: Desk) -> None:
    """The record is pointed to the machine's other address."""
    desk.scene.ledgers.point(desk.scene.address, LIVE_AT)


def moves_along(desk: Desk) -> None:
    """The configuration says that the address moves with each release."""
    scene, address = desk.scene, replace(desk.scene.managed.address, traffic=(ALLOCATION,))
    traffic = FakeElasticIp(scene.heap, ["i-17"], addresses=(ELASTIC,))
    scene.managed = replace(scene.managed, address=address, traffic=traffic)


def new_unit(desk: Desk) -> None:
    """The configuration names a unit that the next release brings."""
    counted(desk)
    desk.changes["app"] = {
        "units": ["shop", "shop-mail"],
        "jobs": ["shop-worker"],
        "env_file": "/etc/shop/env",
    }
    live = desk.scene.reach.machine("i-17", LIVE_AT)
    live.flag("shop-mail.service", "LoadState", "not-found")
    live.write("/units/files", "shop.service enabled\n")


def neighbours(desk: Desk) -> None:
    """The name that is to move along is another service's record."""
    named(desk)
    www_also(desk)
    home = LedgerHome("www.example.com", PLACE.account, PLACE.region)
    site = desk.scene.ledgers.locate("site", "www.example.com")
    desk.scene.ledgers.put(site, replace(CLEAN, home=home))


def not_also(desk: Desk) -> None:
    """It is taken out of `also`; `site` has a machine of its own."""
    desk.scene.managed = replace(
        desk.scene.managed, address=replace(desk.scene.managed.address, also=())
    )
    desk.changes["also"] = []
    www_names(desk, "10.0.7.7")


def handover(desk: Desk) -> None:
    """Just rolled back from OLD to live: OLD's machine runs the jobs yet, and does not answer."""
    counted(desk)
    scene = desk.scene
    obey(scene.reach.machine("i-9"), GATE, Act(40, str(OLD), app="run", jobs="run"))
    obey(scene.reach.machine("i-17"), GATE, Act(40, str(LIVE), app="run", jobs="stop"))
    for number, label in (("9", "live"), ("17", "pending")):
        scene.heap.change(f"i-{number}", tags={t.STATE: label})
    scene.reach.down["i-9"] = CannotConnect("no route to 10.0.1.9", kind="no-route")


def undone_badly(desk: Desk) -> None:
    """The database server restarts once a rollback has shut live."""
    counted(desk)

    def then(act: str) -> None:
        if act == f"shut {LIVE_DB}":
            away = DatabaseError("the server is restarting")
            desk.scene.server.failing.update(thaw=away, databases=away, is_shut=away)

    desk.scene.acts.then = then


def silent(desk: Desk) -> None:
    """Live's machine does not answer SSH; the service has no database."""
    desk.changes["database"] = None
    desk.scene.reach.server = None
    desk.scene.reach.down["i-17"] = CannotConnect("no answer from 10.0.1.17:22", kind="refused")


LIVE_AT, ELASTIC = "10.0.1.17", "198.51.100.7"
REFUSALS, ROLLBACK = "deployer/checks/refusals.py::", "deployer/commands/rollback/"
WITNESS, UP = "reconciler/gc/name_witnesses.py::_kept", "deployer up shop"
CASES = (
    Case(f"{ROLLBACK}databases.py::_refuse_losses", written, BACK, f"{BACK} --discard-writes"),
    Case(f"{ROLLBACK}context.py::choose", rejected, BACK, f"{BACK} --to {OLD}"),
    Case(f"{ROLLBACK}start.py::_start", no_capacity, BACK, f"{BACK} --to {OLD}", room_again),
    Case(f"{ROLLBACK}start.py::_start", no_capacity, BACK, f"{UP} --ref v1.4.2", room_again),
    Case(
        f"{ROLLBACK}command.py::_committed_after_all",
        undone_badly,
        f"{BACK} --discard-writes",
        SWEEP,
        server_back,
    ),
    Case(f"{ROLLBACK}command.py::_after", thaw_fails, BACK, SWEEP, server_back),
    Case("deployer/output/summary.py::_unfinished", thaw_fails, BACK, SWEEP, server_back),
    Case(
        f"{ROLLBACK}databases.py::_refuse_sealed",
        sealed,
        BACK,
        f"deployer recover shop --database {OLD_DB}",
        granted,
    ),
    Case(f"{ROLLBACK}databases.py::_refuse_sealed", bare, BACK, f"{BACK} --to {OLD}", writable),
    Case(f"{ROLLBACK}files.py::_refuse_losses", carried, BACK, f"{BACK} --discard-writes"),
    Case("deployer/release/up.py::_tell_evidence", counted, UP, f"{UP} --keep-failed 1h"),
    Case("deployer/release/up.py::dirt_remains", makes(_somebody_comes), UP, SWEEP, left_alone),
    Case(
        "deployer/release/up.py::_after_commit", makes(_goes_live_and_is_silent), UP, SWEEP, heard
    ),
    Case("deployer/output/summary.py::released", makes(goes_live), UP, BACK),
    Case(
        "deployer/output/journal/history.py::history_lines", counted, "deployer history shop", BACK
    ),
    Case("deployer/output/preview.py::preview_lines", counted, "deployer plan shop", UP),
    Case(
        "deployer/release/steps/guard.py::_sweep", in_use, f"{UP} --sweep-first", SWEEP, left_alone
    ),
    Case(
        "reconciler/plan/circuit_breaker.py::check",
        too_much,
        SWEEP,
        f"reconciler sweep --allow {MANY} --service shop",
    ),
    Case(WITNESS, beyond, "deployer status shop", SWEEP, name_gone),
    Case(WITNESS, beyond, "deployer status shop", f"{SWEEP} --despite old.example.com"),
    Case(f"{REFUSALS}left_behind", named, UP, UP, www_gone),
    Case(f"{REFUSALS}neighbours_also", neighbours, UP, UP, not_also),
    Case("deployer/release/steps/guard.py::_refuse_headless", in_group, UP, UP, detached),
    Case(
        "deployer/checks/live_traffic.py::refuse_elastic_ip",
        elastic,
        UP,
        "deployer recover shop",
        private_again,
    ),
    Case(
        "deployer/checks/live_traffic.py::refuse_elastic_ip",
        elastic,
        UP,
        "deployer move shop",
        moves_along,
    ),
    Case(
        "deployer/checks/live_units.py::judged", new_unit, UP, f"{UP} --despite shop-mail.service"
    ),
    Case(
        "reconciler/sweep/machines/repair.py::_waiting",
        handover,
        SWEEP,
        f"{SWEEP} --jobs-despite i-9",
        later=heard,
        exits=4,
    ),
    Case(f"{REFUSALS}left_behind", named, UP, f"{UP} --despite www.example.com"),
    Case(f"{REFUSALS}_along", named, UP, UP, www_also),
    Case(f"{REFUSALS}apart", apart, UP, UP, together),
    Case(f"{REFUSALS}names_unread", unlisted, UP, UP, listed),
    Case("deployer/release/live/gate.py::_asked", silent, UP, f"{UP} --despite i-17", later=heard),
)
