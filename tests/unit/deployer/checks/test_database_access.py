"""Roles and large objects: whatever a release would stumble over is refused before it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployer import events as e
from deployer.checks.database_access import refuse_large_objects
from deployer.output.preview import preview_json, preview_lines
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.preview import preview
from deployer.release.steps.guard import guard
from reconciler.database.grants import Grant, On
from reconciler.errors import CannotConnect, ConfigError, Refused, ToolError
from reconciler.util.secret import Secret
from tests.fakes.scene import CONFIGURED, ROLE, Scene
from tests.support.sweeps import LIVE_DB

CHANGING = ("swap", "label", "delete", "drop", "shut", "thaw", "run", "stop", "create", "tag")
WRITES = Grant(On.TABLE, ("public", "orders"), "clerk", "INSERT")


def database(**changes: Any) -> dict[str, Any]:
    """The configuration of the database, changed."""
    return {**CONFIGURED["database"], **changes}


def env(scene: Scene, text: str) -> None:
    """Live's env file."""
    scene.reach.machine("i-17").write("/etc/shop/env", text)


def _another_role(scene: Scene) -> None:
    env(scene, f"DATABASE_URL=postgresql://shop:pw@db/{LIVE_DB}\n")


def _superuser(scene: Scene) -> None:
    scene.server.describe_groups.add("root")
    env(scene, f"DATABASE_URL=postgresql://root:pw@db/{LIVE_DB}\n")


def _missing(scene: Scene) -> None:
    scene.server.missing.add(ROLE)


def _nobody(scene: Scene) -> None:
    env(scene, f"DATABASE_URL=postgresql://db/{LIVE_DB}\n")


def _crlf(scene: Scene) -> None:
    env(scene, f"DATABASE_URL=postgresql://{ROLE}:pw@db/{LIVE_DB}\r\nDEBUG=0\r\n")


def _two_urls(scene: Scene) -> None:
    url = f"postgresql://{ROLE}:pw@db/{LIVE_DB}"
    env(scene, f"DATABASE_URL={url}\nexport CELERY_URL='{url}?sslmode=require'\nOTHER={url}_x\n")


def _in_parts(scene: Scene) -> None:
    url = f"postgresql://{ROLE}:pw@db/{LIVE_DB}"
    env(scene, f"DATABASE_URL={url}\nPGDATABASE={LIVE_DB}\nAPP_NAME={LIVE_DB}\n")


def _no_file(scene: Scene) -> None:
    scene.reach.machine("i-17").path("/etc/shop/env").unlink()


def _powerless(scene: Scene) -> None:
    scene.server.powerless.add("SET")


def _extension(scene: Scene) -> None:
    scene.server.extensions.add("postgis")


def _large_objects(scene: Scene) -> None:
    scene.server.held[LIVE_DB].large_objects = 2


def _clerk(scene: Scene) -> None:
    scene.server.held[LIVE_DB].grants.add(WRITES)


REFUSED: dict[str, tuple[Callable[[Scene], None], type[ToolError], str, str]] = {
    "the admin may not act as the role": (_powerless, Refused, "it lacks SET", "WITH INHERIT TRUE"),
    "an extension of a superuser": (_extension, Refused, "extension postgis", 'copy = "never"'),
    "the app logs in as another role": (
        _another_role,
        ConfigError,
        f"app_role is {ROLE}, but the application logs in as shop",
        'app_role = "shop"',
    ),
    "the app logs in as a superuser": (
        _superuser,
        Refused,
        "role root cannot be shut out",
        "Leave root as it is",
    ),
    "the role does not exist": (_missing, ConfigError, f"no role {ROLE}", "database.app_role"),
    "the URL names nobody": (_nobody, ConfigError, "names no role", "DATABASE_URL=postgresql://"),
    "there is no env file": (_no_file, ConfigError, "names no role", "app.env_file"),
    "lines end in CR LF": (_crlf, ConfigError, "end in CR LF", "sudo sed -i"),
    "two URLs": (_two_urls, ConfigError, "in CELERY_URL beside DATABASE_URL", "take them out"),
    "settings in parts": (_in_parts, ConfigError, "in PGDATABASE beside", "take them out"),
    "there are large objects": (_large_objects, Refused, "2 large objects", "lo_unlink"),
    "somebody else writes": (_clerk, Refused, "clerk may write", 'other_roles = "shut"'),
}


@pytest.mark.parametrize(("strike", "kind", "says", "cure"), REFUSED.values(), ids=list(REFUSED))
def test_it_is_refused_before_anything_is_made(
    scene: Scene, strike: Callable[[Scene], None], kind: type[ToolError], says: str, cure: str
) -> None:
    """With what is wrong and what helps; `plan` says the same."""
    strike(scene)
    scene.acts.clear()
    with pytest.raises(kind) as refused:
        guard(
            ReleaseInputs(
                scene.ports(), ReleaseOptions(despite=frozenset({"i-17"})), lambda _: None
            )
        )
    assert says in refused.value.message
    assert cure in refused.value.cure
    assert scene.did(*CHANGING) == []
    text = "\n".join(preview_lines(preview(scene.ports())))
    assert says in text
    assert cure in text


def test_what_others_write_is_listed(scene: Scene) -> None:
    """Which role, what, and where."""
    _clerk(scene)
    with pytest.raises(Refused) as refused:
        guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))
    assert refused.value.detail == "clerk: INSERT on public.orders"


def test_others_are_shut_out_where_that_is_said(scene: Scene) -> None:
    """`up` and `plan` name them all the same."""
    _clerk(scene)
    said = database(other_roles="shut")
    notes: list[str] = []
    run = ReleaseInputs(
        scene.ports(database=said),
        ReleaseOptions(),
        lambda event: notes.append(event.text) if isinstance(event, e.StepNote) else None,
    )
    assert guard(run).text == "clean"
    words = f"shut out of {LIVE_DB} for good, as other_roles says: clerk: INSERT on public.orders"
    assert notes == [words]
    one = preview(scene.ports(database=said))
    assert f"! {words}" in preview_lines(one)
    assert preview_json(one)["notes"] == [words]


def test_a_login_may_be_a_member(scene: Scene) -> None:
    """What the role owns, its members may use as well."""
    _another_role(scene)
    scene.server.describe_groups.add("shop")
    assert guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None)).text == "clean"


def test_the_configured_url_is_compared_too(scene: Scene) -> None:
    """The new release logs in by it, whatever live's env file says."""
    ports = scene.ports(database=database(url="env:SHOP_URL"))
    object.__setattr__(ports, "resolve", lambda _: Secret("postgresql://metabase:pw@db/shop"))
    with pytest.raises(ConfigError, match="logs in as metabase"):
        guard(ReleaseInputs(ports, ReleaseOptions(), lambda _: None))


def test_live_out_of_reach_is_no_hindrance(scene: Scene) -> None:
    """A hanging machine may be why one releases; what needs no machine is refused all the same."""
    scene.reach.down["i-17"] = CannotConnect("i-17 does not answer", kind="timeout")
    notes: list[str] = []
    run = ReleaseInputs(
        scene.ports(),
        ReleaseOptions(despite=frozenset({"i-17"})),
        lambda event: notes.append(event.text) if isinstance(event, e.StepNote) else None,
    )
    assert guard(run).text == "clean"
    assert notes == ["i-17 does not answer: the role that live logs in as is compared on its clone"]
    for strike in (_large_objects, _clerk, _missing):
        strike(scene)
        with pytest.raises((Refused, ConfigError)):
            guard(ReleaseInputs(scene.ports(), ReleaseOptions(), lambda _: None))
        scene.server.held[LIVE_DB].large_objects = 0
        scene.server.held[LIVE_DB].grants.discard(WRITES)


def test_a_first_large_object_is_found_once_it_is_shut(scene: Scene) -> None:
    """The guard saw none; nobody would see what is written into this one."""
    refuse_large_objects(scene.server, LIVE_DB, ROLE)
    _large_objects(scene)
    with pytest.raises(Refused, match="2 large objects"):
        refuse_large_objects(scene.server, LIVE_DB, ROLE)


@pytest.mark.parametrize("strike", [_extension, _large_objects, _clerk])
def test_what_is_never_copied_or_shut_need_not_be_fit_for_it(
    scene: Scene, strike: Callable[[Scene], None]
) -> None:
    """`copy = "never"`: the database stays where it is, and open to whom it is open."""
    strike(scene)
    ports = scene.ports(database=database(copy="never", writes=None))
    assert guard(ReleaseInputs(ports, ReleaseOptions(), lambda _: None)).text == "clean"
