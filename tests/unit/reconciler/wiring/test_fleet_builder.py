"""Many accounts, regions and services: what can be entered is, and the rest is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import AccessDenied, ConfigError, DirtRemains
from reconciler.exit_codes import Exit, code_of
from reconciler.model.coverage import EVERYWHERE, INDEX, LEDGER, ReadStatus, merged
from reconciler.model.tags import AccountRegion
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import make_plan
from reconciler.sweep.snapshot import CROWD
from tests.support.aws_api import PLACE, Api
from tests.support.estate import HERE, ROLE, ROLES, THERE, Estate


@pytest.fixture
def estate(api: Api, tmp_path: Path) -> Estate:
    """Nothing configured yet."""
    return Estate(api, tmp_path / "config")


def rows(found: Fleet) -> dict[tuple[str, str, str], tuple[ReadStatus, str]]:
    """The completeness table of a plan: (account, region, kind) → status and note."""
    seen = make_plan(found)
    return {
        (one.place.account, one.place.region, one.kind): (one.status, one.note)
        for one in merged(seen.inventory.reads)
    }


def test_two_accounts_by_their_roles(estate: Estate) -> None:
    """Each service in its own; the role is assumed and checked once, however many regions."""
    estate.service("shop")
    estate.service("blog", THERE, "us-east-1")
    estate.sweep(f'accounts = ["{HERE}", "{THERE}"]\nregions = ["eu-west-1", "us-east-1"]\n{ROLES}')
    estate.zone(HERE), estate.zone(THERE)
    estate.api.server.journal.clear()
    found = estate.build()
    table = rows(found)
    assert [one.home.place for one in found.services] == [AccountRegion(THERE, "us-east-1"), PLACE]
    assert {key[:2] for key in table if key[2] == INDEX} == {
        (account, region) for account in (HERE, THERE) for region in ("eu-west-1", "us-east-1")
    }
    unread = {key[2] for key, (status, _) in table.items() if status is not ReadStatus.READ}
    assert unread == {"rds-instance", "rds-snapshot", "target-group"}, "nobody has named them"
    assert (estate.calls("AssumeRole"), estate.calls("GetCallerIdentity")) == (1, 2)


def test_a_role_that_is_throttled_is_asked_for_again(estate: Estate) -> None:
    """AssumeRole makes nothing: refused as often as the crash matrix refuses, it is a delay."""
    estate.service("blog", THERE, "us-east-1")
    estate.sweep(f'accounts = ["{HERE}", "{THERE}"]\nregions = ["eu-west-1", "us-east-1"]\n{ROLES}')
    estate.zone(THERE)
    estate.api.fault("AssumeRole", "throttle", times=3)
    assert [one.home.place for one in estate.build().services] == [
        AccountRegion(THERE, "us-east-1")
    ]


def test_accounts_are_checked_before_anything_else(estate: Estate) -> None:
    """GetCallerIdentity in every account stands before the first other call."""
    estate.service("shop")
    estate.sweep(f'accounts = ["{HERE}", "{THERE}"]\n{ROLES}')
    estate.zone(HERE)
    estate.api.server.journal.clear()
    estate.build()
    actions = [one["action"] for one in estate.api.server.journal.since(0)]
    assert set(actions[:3]) == {"GetCallerIdentity", "AssumeRole"}
    assert "GetCallerIdentity" not in actions[3:]


def test_a_role_that_cannot_be_assumed_is_unknown(estate: Estate) -> None:
    """Its service is unknown and says why; the other account is read all the same."""
    estate.service("shop")
    estate.service("blog", THERE)
    estate.sweep(ROLES)
    estate.zone(HERE)
    estate.api.fault("AssumeRole", "error", code="AccessDenied", times=9)
    found = estate.build()
    seen = make_plan(found)
    assert [one.service for one in seen.unknown] == ["blog"]
    assert ROLE in seen.unknown[0].problem
    [gap] = seen.inventory.gaps
    assert gap.place == AccountRegion(THERE, EVERYWHERE)
    assert (gap.refusal, bool(gap.cure)) == (AccessDenied, True)
    assert rows(found)[THERE, EVERYWHERE, "resource"][0] is ReadStatus.FAILED
    assert rows(found)[HERE, "eu-west-1", INDEX][0] is ReadStatus.READ


def test_nothing_that_can_be_entered_ends_the_run(estate: Estate) -> None:
    """With one account there is nothing to go on with: the cause itself, as ever (exit 6)."""
    estate.service("shop")
    estate.api.fault("GetCallerIdentity", "error", code="ExpiredToken")
    with pytest.raises(AccessDenied, match="expired"):
        estate.build()


@pytest.mark.parametrize("action", ["GetCallerIdentity", "ListHostedZones"])
def test_a_run_that_could_look_at_nothing_is_no_failed_release(estate: Estate, action: str) -> None:
    """Exit 4, not 1 ("cleaned up"): a scope was not read; the cause is named, and what to do."""
    estate.zone(HERE)
    estate.service("shop")
    estate.api.fault(action, "error", code="InternalError", status=500, times=0)
    with pytest.raises(DirtRemains, match=rf"nothing was changed: .*{action}") as failed:
        estate.build()
    assert code_of(failed.value) == Exit.DIRT
    assert "Run it again" in failed.value.cure


@pytest.mark.parametrize("named", [False, True])
def test_rds_is_read_only_where_the_configuration_says_so(estate: Estate, *, named: bool) -> None:
    """No release makes it: without its permissions a run of an account without it is clean."""
    estate.zone(HERE)
    estate.service("shop")
    if named:
        estate.sweep('kinds = ["rds-instance", "rds-snapshot"]\n')
    for action in ("DescribeDBInstances", "DescribeDBSnapshots"):
        estate.api.fault(action, "error", code="AccessDenied", status=403, times=0)
    found = estate.build()
    plan = make_plan(found)
    assert [gap.kind for gap in plan.inventory.gaps] == ["rds-instance", "rds-snapshot"] * named
    assert bool(estate.calls("DescribeDBInstances")) is named
    rows = {one.kind: one for one in merged(plan.inventory.reads)}
    assert rows["rds-instance"].status is (
        ReadStatus.FAILED if named else ReadStatus.NOT_CONFIGURED
    )
    heap = found.services[0].heap
    assert bool(heap.tag_summary().gaps) is named


def test_all_regions_are_those_that_are_enabled(estate: Estate) -> None:
    """Asked of AWS; what lies where no service is at home is looked at too."""
    estate.service("shop")
    estate.sweep('regions = "all"')
    estate.zone(HERE)
    enabled = {one["RegionName"] for one in estate.api.ec2.describe_regions()["Regions"]}
    found = estate.build()
    assert {one.place.region for one in found.other_places.heaps} == enabled - {"eu-west-1"}
    assert {key[1] for key in rows(found) if key[2] == INDEX} == enabled


def test_regions_that_do_not_exist(estate: Estate) -> None:
    """Said with the nearest that does; the others are read."""
    estate.service("shop")
    estate.sweep('regions = ["eu-west-1", "eu-west-9", "us-east-1"]')
    estate.zone(HERE)
    found = estate.build()
    assert ["`regions` in reconciler.toml" in gap.cure for gap in found.other_places.gaps] == [True]
    table = rows(found)
    status, note = table[HERE, "eu-west-9", "resource"]
    assert (status, "did you mean eu-west-" in note) == (ReadStatus.FAILED, True)
    assert table[HERE, "us-east-1", INDEX][0] is ReadStatus.READ


def test_a_service_in_a_region_that_does_not_exist(estate: Estate) -> None:
    """It is unknown; its neighbour is not."""
    estate.service("shop")
    estate.service("blog", region="eu-west-9")
    estate.zone(HERE)
    found = estate.build()
    seen = make_plan(found)
    assert [one.service for one in seen.unknown] == ["blog"]


def test_a_zone_in_another_account(estate: Estate) -> None:
    """`zone_account`: the ledger is read there, the machines here."""
    estate.service("shop", more=f'zone_account = "{THERE}"')
    estate.sweep(ROLES)
    zone = estate.zone(THERE)
    found = estate.build()
    assert found.services[0].address.zone_id == zone
    assert found.services[0].home.place == PLACE
    assert rows(found)[THERE, "global", LEDGER][0] is ReadStatus.READ


def test_a_service_without_its_zone_does_not_stop_the_others(estate: Estate) -> None:
    """It is unknown, with the cause; alone it ends the run."""
    estate.service("shop")
    estate.service("blog")
    blog = estate.home / "services" / "blog.toml"
    blog.write_text(blog.read_text().replace("blog.example.test", "blog.example.org"))
    estate.zone(HERE)
    found = estate.build()
    assert [one.home.service for one in found.other_places.roots] == ["blog"]
    [root] = found.other_places.roots
    assert "no hosted zone" in root.problem
    assert root.cure
    with pytest.raises(ConfigError, match="no hosted zone"):
        estate.build("blog")


def test_a_named_service_alone(estate: Estate) -> None:
    """Only its account and region are entered, and the others' things are no strangers."""
    estate.service("shop")
    estate.service("blog", THERE)
    estate.sweep(f'regions = "all"\n{ROLES}')
    estate.zone(HERE)
    found = estate.build("shop")
    assert (found.other_places.heaps, found.other_places.known) == ((), frozenset({"blog"}))
    assert estate.calls("AssumeRole") == 0


def test_nothing_configured_is_nothing_to_delete(estate: Estate) -> None:
    """Without services and places there is nothing to look at; with places, only to report."""
    with pytest.raises(ConfigError, match="no service is configured"):
        estate.build()
    estate.sweep(f'accounts = ["{HERE}"]\nregions = ["eu-west-1"]')
    ids = estate.api.machines()
    found = estate.build()
    seen = make_plan(found)
    assert seen.empty
    assert set(ids) <= {one.resource.id for one in seen.strangers}
    assert not any(one.collect for one in seen.strangers)


@pytest.mark.parametrize(("accounts", "told"), [(CROWD, 0), (CROWD + 1, 1)])
def test_of_very_many_accounts_the_threads_share_heaps(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, accounts: int, told: int
) -> None:
    """They would keep what each thread's largest page took; a few accounts are not worth it."""
    said: list[bool] = []
    monkeypatch.setattr("reconciler.wiring.fleet_builder.share_heaps", lambda: said.append(True))
    others = [f"{300000000000 + number}" for number in range(accounts - 1)]
    estate.service("shop")
    estate.sweep(f'accounts = {[HERE, *others]}\nregions = ["eu-west-1"]\n'.replace("'", '"'))
    estate.zone(HERE)
    found = estate.build()
    assert [one.name for one in found.services] == ["shop"]
    assert len(found.other_places.gaps) == accounts - 1
    assert len(said) == told
