"""A release that turns bad after its switch, and one whose watcher is killed."""

from __future__ import annotations

import signal

import pytest

from reconciler.exit_codes import Exit
from tests.e2e.probes import has
from tests.e2e.zone import said
from tests.support.company import Company, Done

NEVER = ('copy     = "always"\nwrites   = "freeze"', 'copy = "never"')


@pytest.fixture
def baking(adopted: Company) -> Company:
    """Releases bake; the sixteenth part of a minute is between two looks."""
    adopted.configure("^record ", 'bake = "60s"\nrecord ')
    return adopted


def turned_bad(company: Company) -> Done:
    """A release whose app is stopped, on its new machine, while it bakes."""
    with company.releasing("v1.5.0") as release:
        release.wait_for_step("bake")
        stop = company.deployer("ssh", "shop", "--", "sudo", "systemctl", "stop", "shop")
        assert stop.code == 0, stop
        return release.finish()


def test_with_a_copied_database_people_decide(baking: Company) -> None:
    """It stays live, since clients have written; exit 1, what is wrong, and how to go back."""
    before = said(baking).live
    done = turned_bad(baking)
    assert done.code == Exit.FAILED, done
    result = done.events[-1]
    has(result["message"], "v1.5.0 turned bad", "it is still live")
    assert "deployer rollback shop" in result["cure"]
    assert "released" in {event["type"] for event in done.events}
    assert said(baking).live != before
    assert baking.deployer("status", "shop").code == Exit.DIRT


def test_with_a_shared_database_it_goes_back_by_itself(baking: Company) -> None:
    """Nothing is lost: the older release serves again before the command ends."""
    before = said(baking).live
    baking.configure(*NEVER)
    done = turned_bad(baking)
    assert done.code == Exit.FAILED, done
    has(done.events[-1]["message"], "v1.5.0 turned bad", "the service is back on v1.4.2")
    assert said(baking).live == before
    assert baking.version() == "v1.4.2"
    baking.ok("deployer", "status", "shop", "--exit-code")


def test_a_watcher_that_is_killed_leaves_a_finished_release(baking: Company) -> None:
    """Nobody watches any more, and nothing is half-done: no lease, no dirt, nothing to finish."""
    with baking.releasing("v1.5.0") as release:
        release.wait_for_step("bake")
        release.send(signal.SIGKILL)
        release.finish()
    assert baking.version() == "v1.5.0"
    assert not said(baking).lease
    baking.ok("deployer", "status", "shop", "--exit-code")
    baking.ok("reconciler", "plan", "--exit-code")
