"""Plan: what a release would do, every inferred value with its origin, and nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.compute import Disk
from deployer.release.inferred_settings import Shape, shape
from deployer.release.preview import Preview, preview
from reconciler.errors import ConfigError
from reconciler.model.ledger import Lease
from reconciler.model.tags import Label
from tests.fakes.compute import facts_of
from tests.fakes.scene import READ_LOGIN, Scene, service
from tests.support.shop_world import ALL, CLEAN, DEAD, NOW, deploy, resources

LIVE_MACHINE = replace(
    facts_of(next(one for one in ALL if one.id == "i-17")),
    disks=(Disk("/dev/xvda", 8),),
    public_address="198.51.100.7",
    addresses=("10.0.1.17", "198.51.100.7"),
)
PRIVATE, PUBLIC = ("10.0.1.17",), ("198.51.100.7",)


def origins(one: Shape) -> dict[str, tuple[str, str]]:
    """Each value and where it comes from."""
    return {each.name: (each.value, each.origin) for each in one.origins}


def test_what_is_not_said_is_as_the_live_machine() -> None:
    """Type, subnet, groups, profile, key, disks."""
    one = shape(service(), LIVE_MACHINE, PRIVATE)
    assert (one.type, one.subnets, one.groups) == ("t3.small", ("subnet-1",), ("sg-1",))
    assert (one.profile, one.key, one.disks) == ("shop", "ops", LIVE_MACHINE.disks)
    assert {origin for _, origin in origins(one).values()} == {
        "as i-17",
        "as the record holds i-17",
    }


def test_what_is_said_wins_and_says_where() -> None:
    """The file is named, so that one knows where to change it."""
    said = service(
        instance={"type": "t3.large", "subnets": ["subnet-9", "subnet-8"], "groups": ["sg-9"]}
    )
    one = shape(said, LIVE_MACHINE, PRIVATE)
    assert (one.type, one.subnets, one.groups) == ("t3.large", ("subnet-9", "subnet-8"), ("sg-9",))
    assert origins(one)["type"] == ("t3.large", "services/shop.toml")
    assert origins(one)["profile"] == ("shop", "as i-17")


@pytest.mark.parametrize(
    ("address", "at", "public"),
    [
        ("auto", PRIVATE, False),
        ("auto", PUBLIC, True),
        ("private", PUBLIC, False),
        ("public", PRIVATE, True),
    ],
)
def test_the_record_goes_on_as_it_is(address: str, at: tuple[str, ...], public: bool) -> None:
    """Public if it holds live's public address, unless told otherwise."""
    one = shape(service(instance={"address": address}), LIVE_MACHINE, at)
    assert one.public is public


def test_nothing_to_copy_from_and_nothing_said_is_refused() -> None:
    """A first release must say its type; the file is named."""
    with pytest.raises(ConfigError, match=r"services/shop\.toml: instance\.type"):
        shape(service(), None, ())
    one = shape(service(instance={"type": "t3.nano"}), None, ())
    assert origins(one)["subnets"] == ("", "nowhere")


# The whole preview.


def looked(scene: Scene, **configured: object) -> Preview:
    """What `deployer plan` says; nothing may be changed by it."""
    scene.acts.clear()
    one = preview(scene.ports(**configured))
    assert scene.acts[:2] == ["scan", "read shop"]
    assert set(scene.acts[2:]) <= {"names shop", "look the units up on i-17", *READ_LOGIN}
    return one


def test_a_clean_service_may_be_released(scene: Scene) -> None:
    """Each step that would do something, in its order."""
    one = looked(scene)
    assert one.refusal is None
    assert (one.service, one.was, one.dirt) == ("shop", "v1.5.0", ())
    assert [name for name, _ in one.steps] == [
        "image",
        "launch",
        "connect",
        "code",
        "database",
        "migrate",
        "start",
        "smoke",
        "commit",
        "follow-up",
    ]
    assert dict(one.steps)["migrate"] == "bin/migrate"
    assert {each.name for each in one.values} >= {"type", "subnets", "address"}


def test_what_a_copy_leaves_out_is_said(scene: Scene) -> None:
    """Publications are not copied: whoever streams from live must know it before the release."""
    step = dict(looked(scene).steps)["database"]
    assert step.startswith("copy, without publications; live refuses writes meanwhile")


def test_steps_that_would_do_nothing_are_not_shown(scene: Scene) -> None:
    """A service without a database has no database step, and no migration."""
    app = {"units": ["shop"]}
    names = [name for name, _ in looked(scene, database=None, app=app).steps]
    assert "database" not in names
    assert "migrate" not in names


def test_what_is_in_the_way_is_shown_beside_the_plan(scene: Scene) -> None:
    """Dirt with its lines; the steps are still worth seeing."""
    scene.heap.add(resources(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])
    one = looked(scene)
    assert one.refusal is not None
    assert any("i-41" in line for line in one.dirt)
    assert one.steps


def test_a_lease_is_a_refusal_too(scene: Scene) -> None:
    """Somebody is releasing right now."""
    lease = Lease(deploy(3, "bbbbb"), NOW + timedelta(minutes=8), "database")
    scene.ledger = replace(CLEAN, lease=lease)
    refusal = looked(scene).refusal
    assert "is being changed" in str(refusal)


def test_where_nothing_can_be_cloned_the_shape_is_unknown(scene: Scene) -> None:
    """The live machine is stopped: said by a question mark, not by a guess."""
    scene.heap.change("i-17", state="stopped")
    one = looked(scene)
    assert one.values == ()
    assert "?" in dict(one.steps)["launch"]
