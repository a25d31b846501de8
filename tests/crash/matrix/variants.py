"""Commands of services that are configured otherwise: other traffic, shared databases, parking."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from deployer.sandbox.control.options import BALANCER, ELASTIC
from reconciler.exit_codes import Exit
from tests.crash.invariants import LIVE_DATABASE, NEW, OLD, Before, wait_for
from tests.crash.matrix.command import (
    LEAVE,
    NEW_LIVE,
    OLD_LIVE,
    ROLLBACK,
    SWEEP,
    UP,
    Command,
    done_well,
    expired,
    nothing,
)
from tests.crash.matrix.stage import Stage
from tests.crash.proxies import Fault
from tests.e2e.probes import writable

NEWEST = "v1.7.0"
UP_AGAIN = ("deployer", "up", "shop", "--ref", NEWEST)
EITHER = frozenset({OLD_LIVE, NEW_LIVE})
MAY_COMMIT = frozenset({Exit.DONE, Exit.REFUSED, Exit.FAILED, Exit.DIRT, Exit.UNFINISHED})
OF_BALANCERS = r"Target|Listener|AddTags|^swap: commit"
OF_ELASTIC = r"Address|^swap: commit"
OF_SHARED = "database|migrate|env file|^swap: commit"
A_DAY = timedelta(hours=26)
"""After which the machines of a release that was left are parked."""


def released(stage: Stage) -> None:
    """One release more than was adopted is live."""
    done_well(stage, UP)


def _drained(stage: Stage) -> None:
    """Requests have left the adopted group, and a sweep has seen that."""
    done_well(stage, UP, SWEEP)
    stage.later()


def _a_day_ago(stage: Stage) -> None:
    """Two releases went live more than a day ago. What `adopt` took is never parked."""
    done_well(stage, UP, UP_AGAIN)
    stage.later(A_DAY)


def _parked(stage: Stage) -> None:
    """And a sweep has had the machines of the first one halt themselves."""
    adopted = stage.serving()
    _a_day_ago(stage)
    done_well(stage, SWEEP)
    resting = {one["InstanceId"] for one in stage.instances()} - adopted - stage.serving()
    wait_for(lambda: _states(stage, resting) == {"stopped"})


def _states(stage: Stage, machines: set[str]) -> set[str]:
    return {one["State"]["Name"] for one in stage.instances() if one["InstanceId"] in machines}


def assert_both_stand(stage: Stage, before: Before) -> None:
    """Both releases are there, whole; who is live takes writes, and the other takes none."""
    is_old = stage.live_id() == before.live
    answer = stage.get()
    assert "lease=" not in stage.ledger()
    assert answer["version"] == (OLD if is_old else NEW)
    assert (answer["database"] == LIVE_DATABASE) is is_old
    assert stage.order() in stage.rows(str(answer["database"]))
    assert writable(stage) == [answer["database"]]
    stage.assert_one_release_more(before, machines=stage.machines)


def releasing(name: str, shape: str, rows: str) -> Command:
    """A release on that stage: of its requests these are rows."""
    return Command(
        name,
        UP,
        "released",
        nothing,
        may_end=EITHER,
        codes=MAY_COMMIT,
        shape=shape,
        rows=rows,
    )


def rolling_back(
    name: str, shape: str, rows: str, begin: Callable[[Stage], None] = released
) -> Command:
    """A rollback to running machines, on that stage: of its requests these are rows."""
    return Command(
        name,
        ROLLBACK,
        ROLLING_BACK,
        begin,
        may_end=EITHER,
        codes=MAY_COMMIT,
        spoils=True,
        shape=shape,
        rows=rows,
        settled=assert_both_stand,
        discards=True,
    )


def _left_after(stage: Stage, _: Before) -> None:
    """What was live carries nothing of ours, and serves on through a sweep of another week."""
    there, machines = stage.resources(), stage.serving()
    assert "left=" in stage.ledger()
    assert not [one for one in machines if _is_marked(stage, one)]
    _assert_serves(stage, NEW)
    stage.later(timedelta(days=8))
    done_well(stage, SWEEP)
    assert stage.serving() == machines
    assert stage.resources() == there
    _assert_serves(stage, NEW)


def _is_marked(stage: Stage, machine: str) -> bool:
    return any(key.startswith("deploy-") for key in stage.tags(machine))


def _assert_serves(stage: Stage, version: str) -> str:
    """Live answers, and its database alone takes writes; the name of that."""
    answer = stage.get()
    assert answer["version"] == version
    assert stage.order() in stage.rows(str(answer["database"]))
    assert writable(stage) == [answer["database"]]
    return str(answer["database"])


NEVER = ('copy     = "always"\nwrites   = "freeze"', 'copy = "never"')
WHEN = ('copy     = "always"', 'copy = "when-migrating"\npending = "./bin/migrate --check"')


def _never_copied(stage: Stage) -> None:
    """Releases share the live database, whatever they migrate."""
    stage.configure(*NEVER)


def _nothing_to_migrate(stage: Stage) -> None:
    """A release copied the database, since it had to migrate it; the next has nothing to do."""
    stage.configure(*WHEN)
    done_well(stage, UP)


def _assert_shared(stage: Stage, before: Before) -> None:
    """The first database serves whoever is live, and was never shut for good."""
    is_old = stage.live_id() == before.live
    assert _assert_serves(stage, OLD if is_old else NEW) == LIVE_DATABASE
    _assert_releases_more(stage, before, 0 if is_old else 1, databases=0)


def _assert_shares_the_copy(stage: Stage, before: Before) -> None:
    """The copy of the first release serves the second one as well."""
    assert _assert_serves(stage, NEW) != LIVE_DATABASE
    releases = len(re.findall(r"previous=", stage.ledger()))
    _assert_releases_more(stage, before, releases, databases=1)


def _assert_releases_more(stage: Stage, before: Before, releases: int, databases: int) -> None:
    """So many releases beside the first are there, whole, and nothing else; nobody has a lease."""
    assert "lease=" not in stage.ledger()
    each = ("instance", "volume", "network-interface")
    for kind, ids in stage.resources().items():
        wanted = releases * (stage.machines if kind in each else 1)
        more = databases if kind == "database" else wanted
        assert len(ids - before.resources[kind]) == more, kind
        assert before.resources[kind] <= ids, kind


def _assert_parked_unless_live(stage: Stage, before: Before) -> None:
    """The first release is whole; its machines are at rest, or it is live again.

    Then those of the release that was left run on, or are at rest themselves: a rejected release is
    no target of a rollback, so it is put to rest as soon as its clients have left.
    """
    newest = stage.version() == NEWEST
    database = _assert_serves(stage, NEWEST if newest else NEW)
    assert database != LIVE_DATABASE
    _assert_releases_more(stage, before, 2, databases=2)
    others = {one["InstanceId"] for one in stage.instances()} - stage.serving()
    right = {"stopped"} if newest else {"running", "stopping", "stopped"}
    wait_for(lambda: _states(stage, others - before.resources["instance"]) <= right)


ROLLING_BACK = "rolled back"

VARIANTS = (
    releasing("up, behind a load balancer", BALANCER, OF_BALANCERS),
    rolling_back("rollback, behind a load balancer", BALANCER, OF_BALANCERS),
    Command(
        "sweep, of a target group",
        SWEEP,
        "swept",
        expired("RegisterTargets", Fault.KILL_AFTER),
        shape=BALANCER,
        rows=OF_BALANCERS,
    ),
    Command(
        "sweep, switching a load balancer",
        SWEEP,
        "finished",
        expired("swap: commit", Fault.KILL_AFTER),
        may_end=frozenset({NEW_LIVE}),
        shape=BALANCER,
        rows=OF_BALANCERS,
    ),
    Command(
        "sweep, of a drained target group",
        SWEEP,
        "swept",
        _drained,
        may_end=frozenset({NEW_LIVE}),
        shape=BALANCER,
        rows=OF_BALANCERS,
    ),
    releasing("up, with an Elastic IP", ELASTIC, OF_ELASTIC),
    rolling_back("rollback, with an Elastic IP", ELASTIC, OF_ELASTIC),
    Command(
        "sweep, moving an Elastic IP",
        SWEEP,
        "finished",
        expired("swap: commit", Fault.KILL_AFTER),
        may_end=frozenset({NEW_LIVE}),
        shape=ELASTIC,
        rows=OF_ELASTIC,
    ),
    Command(
        "leave",
        LEAVE,
        "left",
        released,
        may_end=EITHER,
        again=True,
        spoils=True,
        settled=_left_after,
    ),
    Command(
        "up, sharing the database",
        UP,
        "released",
        _never_copied,
        may_end=EITHER,
        codes=MAY_COMMIT,
        spoils=True,
        rows=OF_SHARED,
        settled=_assert_shared,
    ),
    Command(
        "up, with nothing to migrate",
        UP,
        "released",
        _nothing_to_migrate,
        may_end=EITHER,
        codes=MAY_COMMIT,
        spoils=True,
        rows=OF_SHARED,
        settled=_assert_shares_the_copy,
    ),
    Command(
        "sweep, parking the old machine",
        SWEEP,
        "swept",
        _a_day_ago,
        may_end=frozenset({NEW_LIVE}),
        spoils=True,
        settled=_assert_parked_unless_live,
    ),
    Command(
        "rollback, to a parked release",
        ROLLBACK,
        ROLLING_BACK,
        _parked,
        may_end=EITHER,
        codes=MAY_COMMIT,
        spoils=True,
        settled=_assert_parked_unless_live,
        discards=True,
    ),
    Command(
        "up, making host keys",
        UP,
        "released",
        nothing,
        may_end=EITHER,
        codes=MAY_COMMIT,
        rows="host key",
    ),
)
