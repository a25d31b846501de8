"""Adopt: ledger first, then the tags; idempotent; refuses what is somebody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.commands.adopt import Adoption, AdoptOptions, adopt, nobody_compared
from deployer.commands.retire import let_go
from deployer.commands.status import status
from deployer.output.status import status_lines
from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.errors import AccessDenied, DirtRemains, LedgerUnknown, Refused, SwapLost, ToolError
from reconciler.machine.host_key import PublicHostKey, make_host_key
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease, LedgerHome, Previous
from reconciler.model.ledger_codec import encode
from reconciler.model.resource import INSTANCE, Gap, Resource
from reconciler.output.audit.html import html
from reconciler.output.audit.table import table
from reconciler.output.sweep import in_lines as sweep_lines
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, NOW, PLACE, deploy

ADDRESS = "198.51.100.7"
KEY = make_host_key().public
MACHINE = Resource(
    INSTANCE,
    "i-prod",
    PLACE,
    {"Name": "shop prod", "aws:cloudformation:stack-name": "shop"},
    state="running",
    token="by-hand",
    addresses=("10.0.0.5", ADDRESS),
    public_ips=1,
)


def decline(_: object) -> None:
    """The user says no."""
    raise Refused("a no")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A shop that nobody has adopted: one machine at the record, no ledger."""
    one = Scene(tmp_path, ())
    one.ledgers.zone.texts.clear()
    one.ledgers.point(one.address, ADDRESS, ttl=300)
    one.heap.add([MACHINE])
    one.connector.keys[ADDRESS] = KEY
    one.connector.at[ADDRESS] = one.reach.machine("i-prod", ADDRESS)
    one.acts.clear()
    return one


def yes(_: Adoption) -> bool:
    """A person who has looked."""
    return True


def test_the_machine_at_the_record_comes_under_the_ledger(scene: Scene) -> None:
    """Live at the record's address; its tags say that no deploy made it; the record stands."""
    done = adopt(scene.ports(), yes, AdoptOptions(release="v1.4.2"))
    assert scene.ledger.live
    assert scene.ledger.live.at == (ADDRESS,)
    assert scene.ledgers.pointed_at(scene.address) == (ADDRESS,)
    tags = scene.heap.at("i-prod").tags
    assert tags[t.ID] == str(done.deploy) == str(scene.ledger.live.id)
    assert (tags[t.HOLD], tags[t.STATE], tags[t.RELEASE]) == ("adopted", "live", "v1.4.2")
    assert tags[t.HOST_KEY] == KEY.tag_value
    assert tags["Name"] == "shop prod"


def test_a_member_of_an_auto_scaling_group_is_refused(scene: Scene) -> None:
    """The group may terminate it at any moment: the refusal says how to take it out."""
    scene.heap.change("i-prod", tags={"aws:autoscaling:groupName": "web"})
    with pytest.raises(Refused, match="Auto Scaling group web") as refused:
        adopt(scene.ports(), yes)
    assert "deployer adopt shop" in refused.value.cure
    assert scene.did("swap", "tag") == []


def test_rule_1_the_ledger_is_written_before_the_tags(scene: Scene) -> None:
    """Nothing carries our tags that the ledger does not root."""
    adopt(scene.ports(), yes)
    assert [one.split()[0] for one in scene.did("swap", "tag")] == ["swap", "tag"]


def test_a_half_done_adoption_is_finished(scene: Scene) -> None:
    """It died between the swap and the tags: the same id, and no second swap."""
    scene.compute.failing["tag"] = AccessDenied("ec2:CreateTags is denied")
    with pytest.raises(DirtRemains, match="has its ledger") as failed:
        adopt(scene.ports(), yes)
    assert failed.value.cure == "To finish it         deployer adopt shop"
    ledger = scene.ledger
    scene.compute.failing.clear()
    done = adopt(scene.ports(), yes)
    assert done.already
    assert scene.ledger == ledger
    assert scene.heap.at("i-prod").tags[t.ID] == str(done.deploy)
    assert scene.sweep().left.unknown == ()


def test_adopting_twice_is_adopting_once(scene: Scene) -> None:
    """The second time the same machine, the same id, the same ledger."""
    first = adopt(scene.ports(), yes)
    ledger = scene.ledger
    again = adopt(scene.ports(), yes)
    assert (again.already, again.deploy, scene.ledger) == (True, first.deploy, ledger)


def test_an_adopted_machine_is_never_swept(scene: Scene) -> None:
    """Live it is rooted; and no sweep deletes what no deploy created, rooted or not."""
    done = adopt(scene.ports(), yes)
    assert scene.sweep().clean
    previous = (Previous(done.deploy, NOW - timedelta(days=1), (ADDRESS,)),)
    scene.ledgers.point(scene.address)
    scene.ledger = replace(scene.ledger, live=None, previous=previous)
    assert "i-prod" in scene.heap.ids
    scene.heap.change("i-prod", tags={t.STATE: "left"})
    scene.ledger = replace(scene.ledger, previous=())
    scene.sweep()
    assert "i-prod" in scene.heap.ids


@pytest.fixture
def left(scene: Scene) -> Scene:
    """An adopted machine that `keep` has pushed out of the ledger; nothing is live there now."""
    adopt(scene.ports(), yes)
    scene.ledgers.point(scene.address)
    scene.heap.change("i-prod", tags={t.STATE: "left"}, type="t3.micro")
    scene.ledger = replace(scene.ledger, live=None)
    scene.acts.clear()
    return scene


def test_a_machine_that_no_release_is_any_more_is_told_of(left: Scene) -> None:
    """Sweep, status and report say what it is, what it costs and how it goes; it is no waste."""
    deploy = left.heap.at("i-prod").tags[t.ID]
    result = left.sweep()
    assert result.clean
    shown = status(left.ports())
    audit = report(result.left, Prices())
    texts = (sweep_lines(result, Prices()), status_lines(shown), table(audit).splitlines())
    for lines in texts:
        assert [one for one in lines if "i-prod was adopted and is no release any more" in one]
        assert [one for one in lines if f"deployer retire {deploy}" in one]
    assert [one.verdict.resource.id for one in audit.let_go] == ["i-prod"]
    assert (audit.orphans, audit.waste) == ((), ())
    assert f"deployer retire {deploy}" in html(audit)


def test_it_is_let_go(left: Scene) -> None:
    """A person is asked; our tags are taken off, and nothing else is done to it."""
    deploy = DeployId.parse(left.heap.at("i-prod").tags[t.ID])
    with pytest.raises(Refused, match="a no"):
        let_go(left.ports(), deploy, decline)
    assert left.did("untag") == []
    let_go(left.ports(), deploy, lambda machine: machine.id == "i-prod")
    assert left.did("untag", "tag", "swap", "delete", "stop", "label") == ["untag i-prod"]
    assert left.heap.at("i-prod").tags == MACHINE.tags
    with pytest.raises(Refused, match="no adopted machine"):
        let_go(left.ports(), deploy, lambda _: True)


def test_a_machine_that_the_ledger_or_the_record_names_is_not_let_go(left: Scene) -> None:
    """Live, previous, or at the record: then it is somebody's."""
    deploy = DeployId.parse(left.heap.at("i-prod").tags[t.ID])
    ledger = left.ledger
    left.ledger = replace(ledger, previous=(Previous(deploy, NOW, (ADDRESS,)),))
    with pytest.raises(Refused, match="stands in the ledger"):
        let_go(left.ports(), deploy, lambda _: True)
    left.ledger = ledger
    left.ledgers.point(left.address, ADDRESS)
    with pytest.raises(ToolError):
        let_go(left.ports(), deploy, lambda _: True)
    assert left.did("untag") == []


def test_nothing_is_done_without_a_yes(scene: Scene) -> None:
    """What would be done is shown; a no changes nothing."""
    shown: list[Adoption] = []

    def no(adoption: Adoption) -> None:
        shown.append(adoption)
        raise Refused("a no")

    with pytest.raises(Refused, match="a no"):
        adopt(scene.ports(), no)
    assert (shown[0].at, shown[0].host_key, shown[0].given) == ((ADDRESS,), KEY, False)
    assert scene.did("swap", "tag") == []


def test_the_host_key_is_compared(scene: Scene) -> None:
    """A fingerprint must be the machine's; a whole key needs no look at the machine."""
    other = make_host_key().public
    with pytest.raises(Refused, match="shows the host key"):
        adopt(scene.ports(), yes, AdoptOptions(host_key=other.fingerprint))
    assert scene.did("swap", "tag") == []
    assert adopt(scene.ports(), yes, AdoptOptions(host_key=KEY.fingerprint)).given
    scene.connector.keys.clear()
    given = adopt(scene.ports(), yes, AdoptOptions(host_key=other.tag_value))
    assert given.host_key == PublicHostKey.parse(other.tag_value)


def test_a_pinned_key_is_known(scene: Scene) -> None:
    """Adopting again asks nobody about the key that the first time pinned; another key is new."""
    assert not adopt(scene.ports(), yes).given
    assert adopt(scene.ports(), yes).given
    scene.connector.keys[ADDRESS] = make_host_key().public
    again: list[Adoption] = []

    def no(adoption: Adoption) -> None:
        again.append(adoption)
        raise Refused("a no")

    with pytest.raises(Refused):
        adopt(scene.ports(), no)
    assert not again[0].given
    refused = nobody_compared(again[0])
    shown = scene.connector.keys[ADDRESS].fingerprint
    assert f"adopt shop --yes --host-key {shown}" in refused.cure


def test_rule_11_a_record_moved_in_that_moment_stops_it(scene: Scene) -> None:
    """The record is in the batch, unchanged: the swap fails, nothing is tagged."""
    scene.ledgers.meddlers.append(lambda: scene.ledgers.point(scene.address, "203.0.113.5"))
    with pytest.raises(SwapLost):
        adopt(scene.ports(), yes)
    assert scene.did("tag") == []
    assert scene.ledgers.zone.texts == {}


def test_a_machine_that_people_put_in_live_s_place_is_adopted(scene: Scene) -> None:
    """Rule 14: by whoever names who is live. The one they left stays previous."""
    first = adopt(scene.ports(), yes)
    scene.heap.add([replace(MACHINE, id="i-new", addresses=("203.0.113.5",), tags={})])
    scene.ledgers.point(scene.address, "203.0.113.5")
    scene.connector.keys["203.0.113.5"] = KEY
    scene.connector.at["203.0.113.5"] = scene.reach.machine("i-new", "203.0.113.5")
    before = scene.ledger
    with pytest.raises(Refused, match=f"{first.deploy} is live") as refused:
        adopt(scene.ports(), yes)
    assert f"--replace {first.deploy}" in refused.value.cure
    assert scene.ledger == before
    second = adopt(scene.ports(), yes, AdoptOptions(replace=str(first.deploy)))
    assert not second.already
    assert scene.ledger.live
    assert scene.ledger.live.id == second.deploy
    assert [one.id for one in scene.ledger.previous] == [first.deploy]


def _no_record(scene: Scene) -> None:
    scene.ledgers.point(scene.address)


def _two_addresses(scene: Scene) -> None:
    scene.ledgers.point(scene.address, ADDRESS, "198.51.100.8")


def _nobody(scene: Scene) -> None:
    scene.heap.held.clear()


def _two_machines(scene: Scene) -> None:
    scene.heap.add([replace(MACHINE, id="i-twin")])


def _another_deploys(scene: Scene) -> None:
    scene.heap.change("i-prod", tags={t.ID: str(deploy(9, "ccccc"))})


def _full_of_tags(scene: Scene) -> None:
    scene.heap.change("i-prod", tags={f"team-{n}": "x" for n in range(45)})


def _held(scene: Scene) -> None:
    lease = Lease(deploy(2, "ddddd"), NOW + timedelta(minutes=9), "image")
    scene.ledgers.put(scene.address, replace(CLEAN, live=None, previous=(), lease=lease), ())
    scene.ledgers.point(scene.address, ADDRESS)


def _unreadable(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = LedgerUnknown("not a ledger")


def _full(scene: Scene) -> None:
    long = ("255.255.255.255",) * 73
    entries = tuple(Previous(deploy(n, "aaaaa"), NOW, long) for n in (7, 8, 9))
    scene.ledgers.put(scene.address, replace(CLEAN, live=None, previous=entries), ())
    scene.ledgers.point(scene.address, ADDRESS)


@pytest.mark.parametrize(
    ("strike", "says"),
    [
        (_no_record, "there is nothing to adopt"),
        (_two_addresses, "exactly one address"),
        (_nobody, "0 machines of this account"),
        (_two_machines, "2 machines of this account"),
        (_another_deploys, "it already belongs to"),
        (_held, "is being changed"),
        (_full_of_tags, "has 46 tags, and we write 10 more: AWS takes 50"),
        (_unreadable, "is unknown"),
        (_full, "no room for a later rollback"),
    ],
)
def test_what_cannot_be_adopted_is_refused(scene: Scene, strike: object, says: str) -> None:
    """In words, with nothing changed."""
    strike(scene)  # type: ignore[operator]
    scene.acts.clear()
    with pytest.raises(Refused, match=says) as refused:
        adopt(scene.ports(), yes)
    assert refused.value.cure
    assert scene.did("swap", "tag") == []


def test_a_machine_that_a_deploy_made_is_not_held(tmp_path: Path) -> None:
    """Live by a release: held as adopted it would never go."""
    scene = Scene(tmp_path)
    scene.connector.keys["10.0.1.17"] = KEY
    with pytest.raises(ToolError, match="was not adopted"):
        adopt(scene.ports(), yes)
    assert scene.heap.at("i-17").hold == ""
    assert scene.ledger.live
    assert scene.ledger.live.id == LIVE


def test_rule_6_nothing_is_adopted_under_an_unknown_ledger(scene: Scene) -> None:
    """What could not be listed may be the service's own."""
    scene.heap.gaps.append(Gap(PLACE, "volume", "no answer"))
    with pytest.raises(Refused, match="is unknown"):
        adopt(scene.ports(), yes)
    assert scene.did("swap", "tag") == []


def test_rule_12_the_record_of_another_ledger_is_not_adopted(scene: Scene) -> None:
    """Two ledgers of one record would take production from each other."""
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    text = encode(replace(CLEAN, home=home)).replace("shop/", "blog/")
    scene.ledgers.zone.texts["blog._deploy.example.com"] = (text, 60)
    with pytest.raises(Refused, match="belongs to the ledger blog"):
        adopt(scene.ports(), yes)
    assert scene.did("swap", "tag") == []


def test_what_a_release_made_is_not_let_go(tmp_path: Path) -> None:
    """A sweep deletes it, or nobody does: it was never people's."""
    scene = Scene(tmp_path, ALL)
    with pytest.raises(Refused, match="no adopted machine"):
        let_go(scene.ports(), DEAD, lambda _: True)
    assert scene.did("untag") == []
