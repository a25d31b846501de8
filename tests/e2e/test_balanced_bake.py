"""A bake behind a load balancer: its own word counts, where every smoke check still passes."""

from __future__ import annotations

from reconciler.exit_codes import Exit
from tests.e2e.balanced import FAILED, Shop, only
from tests.e2e.probes import has, takes_writes
from tests.support.company import Done


def _turned_unhealthy(shop: Shop) -> Done:
    """A release whose targets the balancer calls unhealthy while it bakes; the app is well."""
    with shop.releasing("v1.5.0") as release:
        release.wait_for_step("bake")
        check = {"HealthCheckIntervalSeconds": 5, "UnhealthyThresholdCount": 2}
        group = shop.groups[only(shop)]
        shop.elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/nothing", **check)
        release.wait_for("step-failed", step="bake")
        # What a rollback makes is a copy of the group that serves: it has to become healthy.
        shop.elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/healthz")
        return release.finish(240)


def test_what_the_balancer_calls_unhealthy_is_told(shop: Shop) -> None:
    """The release stays live, since its database is its own: exit 1, and the balancer is named."""
    shop.configure("^record ", 'bake = "90s"\nrecord ')
    first = shop.live
    done = _turned_unhealthy(shop)
    assert done.code == Exit.FAILED, done
    has(done.events[-1]["message"], "v1.5.0 turned bad", "the load balancer", "it is still live")
    assert shop.live != first


def test_where_nothing_is_lost_it_goes_back_by_itself(shop: Shop) -> None:
    """Clients notice nothing: the older release has requests again before the command ends."""
    shop.configure("^record ", 'bake = "90s"\nrecord ')
    shop.configure('copy     = "always"\nwrites   = "freeze"', 'copy = "never"')
    first = shop.live
    with shop.clients.at_work():
        done = _turned_unhealthy(shop)
    assert done.code == Exit.FAILED, done
    has(done.events[-1]["message"], "the load balancer", "the service is back on v1.4.2")
    assert shop.live == first
    assert shop.clients.outcomes() <= FAILED
    assert takes_writes(shop, "shop")
