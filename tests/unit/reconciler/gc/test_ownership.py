"""A copied tag is no birth certificate: what each kind has to show beyond its tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.gc import ownership
from reconciler.model import tags as t
from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    SNAPSHOT,
    TEMPLATE,
    VOLUME,
    Resource,
)
from reconciler.model.tags import AccountRegion, Label
from tests.support.shop_world import (
    ALL,
    DEAD,
    HOME,
    LEDGER,
    LIVE,
    PLACE,
    ZONE,
    more_things,
    resources,
)

MADE = (
    *resources(DEAD, "v1.4.9", Label.PENDING, 41),
    *more_things(DEAD, "v1.4.9", Label.PENDING, 41),
)
WHOLE = {one.kind: one for one in MADE}
ELSEWHERE = AccountRegion(PLACE.account, "us-east-1")


def doubt(resource: Resource, others: Iterable[Resource] = ALL) -> str:
    """Why the thing was not born of its deploy, in a world of `others`."""
    seen = {one.key: one for one in others} | {resource.key: resource}
    return ownership.doubt(resource, HOME, ownership.index(tuple(seen.values()), PLACE))


def tagged(resource: Resource, **tags: str) -> Resource:
    """The thing with other tags; `_` stands for `-`, and two of them for `:`."""
    new = {key.replace("__", ":").replace("_", "-"): value for key, value in tags.items()}
    return replace(resource, tags={**resource.tags, **new})


@pytest.mark.parametrize("kind", ownership.KINDS)
def test_what_a_deploy_made_is_proved(kind: str) -> None:
    """Nothing of a real release is in doubt, of whatever kind."""
    assert doubt(WHOLE[kind]) == ""


def test_every_kind_is_here() -> None:
    """A kind without a proof would be nobody's, for ever."""
    assert set(WHOLE) == set(ownership.KINDS)


COPIES: dict[str, tuple[Resource, str]] = {
    "AWS Backup: a recovery point keeps the instance's tags": (
        replace(
            tagged(WHOLE[IMAGE], aws__backup__source_resource="i-41"),
            id="ami-copy",
            name="AwsBackup_i-41",
        ),
        "aws:backup",
    ),
    "AWS Backup: even one that looks right in all else": (
        tagged(WHOLE[SNAPSHOT], aws__backup__source_resource="vol-41"),
        "aws:backup",
    ),
    "DLM: a snapshot by policy": (
        tagged(WHOLE[SNAPSHOT], aws__dlm__lifecycle_policy_id="policy-1"),
        "aws:dlm",
    ),
    "DLM without its own tags: a snapshot of the volume, tags copied": (
        replace(tagged(WHOLE[VOLUME]), kind=SNAPSHOT, id="snap-dlm", used_by=()),
        "born on 'volume@",
    ),
    "CopyImage to the same region, tags copied": (
        replace(WHOLE[IMAGE], id="ami-copy", name="copy of shop"),
        "its name is not its deploy's",
    ),
    "CopyImage to another region": (
        replace(WHOLE[IMAGE], place=ELSEWHERE),
        "it is in 123456789012/us-east-1",
    ),
    "CopySnapshot: its volume is vol-ffffffff, so its source is `copied`": (
        replace(WHOLE[SNAPSHOT], id="snap-copy", source="copied", used_by=()),
        "not made by CreateImage",
    ),
    "a snapshot made by hand from a volume of ours": (
        replace(WHOLE[SNAPSHOT], id="snap-hand", source="vol-41", used_by=()),
        "not made by CreateImage",
    ),
    "a snapshot of nothing known": (
        replace(WHOLE[SNAPSHOT], id="snap-x", source="", used_by=()),
        "not made by CreateImage",
    ),
    "launch more like this: the console copies every tag": (
        replace(WHOLE[INSTANCE], id="i-more", token="", uses=()),
        "launch token",
    ),
    "launch more like this, by a tool with tokens of its own": (
        replace(WHOLE[INSTANCE], id="i-more", token="terraform-20261123"),
        "launch token",
    ),
    "another deploy's token": (
        replace(WHOLE[INSTANCE], token=LIVE.client_token(ZONE)),
        "launch token",
    ),
    "a token of another zone": (
        replace(WHOLE[INSTANCE], zone="eu-west-1b"),
        "launch token",
    ),
    "a volume restored and attached to somebody's machine": (
        replace(WHOLE[VOLUME], id="vol-x", used_by=("i-stranger",)),
        "attached to i-stranger",
    ),
    "a volume attached to another deploy's machine": (
        replace(WHOLE[VOLUME], id="vol-x", used_by=("i-17",)),
        "attached to i-17",
    ),
    "an interface that a load balancer holds": (
        replace(WHOLE[INTERFACE], id="eni-x", used_by=("amazon-elb",)),
        "attached to amazon-elb",
    ),
    "a database under another name": (
        replace(WHOLE[DATABASE], id="shop_copy", name="shop_copy"),
        "its name is not its deploy's",
    ),
    "a database of another ledger's deploy": (
        replace(WHOLE[DATABASE], name=DEAD.database_name("Z2/shop._deploy.example.com")),
        "its name is not its deploy's",
    ),
    "an address with a machine's tags, copied by hand": (
        replace(WHOLE[ADDRESS], tags=WHOLE[INSTANCE].tags),
        "born on 'instance@",
    ),
    "an address that somebody gave to a machine of theirs": (
        replace(WHOLE[ADDRESS], used_by=("i-stranger",)),
        "associated with i-stranger",
    ),
    "an address that a NAT gateway holds": (
        replace(WHOLE[ADDRESS], used_by=("eni-nat",)),
        "associated with eni-nat",
    ),
    "copy to new security group: the console asks for another name": (
        replace(WHOLE[GROUP], id="sg-copy", name=f"{DEAD.stem}-copy"),
        "its name is not its deploy's",
    ),
    "a key pair made once more, tags and all": (
        replace(WHOLE[KEY_PAIR], id="key-copy", name="deploy"),
        "its name is not its deploy's",
    ),
    "create template from template": (
        replace(WHOLE[TEMPLATE], id="lt-copy", name="shop"),
        "its name is not its deploy's",
    ),
    "an RDS restore without tags of its own inherits ours": (
        replace(WHOLE[RDS_INSTANCE], id="db:restored", name="restored"),
        "its identifier is not its deploy's",
    ),
    "an RDS restore that is named after its source": (
        replace(WHOLE[RDS_INSTANCE], id=f"db:{DEAD.stem}-2", name=f"{DEAD.stem}-2"),
        "its identifier is not its deploy's",
    ),
    "an RDS restore under the very name, long after": (
        replace(WHOLE[RDS_INSTANCE], created=DEAD.born + timedelta(days=40)),
        "not within a day",
    ),
    "RDS's own snapshot of the night": (
        replace(WHOLE[RDS_SNAPSHOT], id="snapshot:rds:x", name="rds:x", type="automated"),
        "an automated snapshot",
    ),
    "AWS Backup's snapshot of an RDS instance": (
        replace(WHOLE[RDS_SNAPSHOT], id="snapshot:awsbackup:x", type="awsbackup"),
        "an awsbackup snapshot",
    ),
    "CopyDBSnapshot with the tags": (
        replace(WHOLE[RDS_SNAPSHOT], source="arn:aws:rds:eu-west-1:123456789012:snapshot:x"),
        "it is a copy of arn:",
    ),
    "the last snapshot that somebody had RDS make": (
        replace(WHOLE[RDS_SNAPSHOT], id="snapshot:last", name=f"{DEAD.stem}-final"),
        "its identifier is not its deploy's",
    ),
    "tags typed by hand, without the part": (
        replace(WHOLE[VOLUME], tags={t.ID: str(DEAD), t.LEDGER: LEDGER, t.STATE: "pending"}),
        "born on 'nothing'",
    ),
    "tags of another account": (
        tagged(WHOLE[VOLUME], deploy_part="volume@999999999999/eu-west-1"),
        "born on 'volume@999999999999",
    ),
    "made long after its deploy": (
        replace(WHOLE[VOLUME], created=DEAD.born + timedelta(hours=25)),
        "not within a day",
    ),
    "made before its deploy": (
        replace(WHOLE[IMAGE], created=DEAD.born - timedelta(hours=1)),
        "not within a day",
    ),
}


@pytest.mark.parametrize(("copy", "why"), list(COPIES.values()), ids=list(COPIES))
def test_copies_are_look_alikes(copy: Resource, why: str) -> None:
    """Whoever copied the tags, the doubt names what gave it away."""
    assert why in doubt(copy)


def test_a_machines_launch_time_proves_nothing() -> None:
    """Every start resets it: a deploy's own machine, started again after a week, is its own."""
    again = replace(WHOLE[INSTANCE], created=DEAD.born + timedelta(days=7))
    assert doubt(again) == ""


def test_a_volume_is_doubted_with_its_machine() -> None:
    """What hangs on a look-alike is no better proved than that."""
    machine = replace(WHOLE[INSTANCE], token="not ours")
    others = [one for one in ALL if one.id != machine.id]
    assert "attached to i-41" in doubt(WHOLE[VOLUME], [*others, machine])


def test_a_loose_volume_is_its_deploys() -> None:
    """Its machine is gone already: tags, place and time of birth are what there is."""
    assert doubt(replace(WHOLE[VOLUME], used_by=()), []) == ""


def test_a_snapshot_outlives_its_image() -> None:
    """A sweep died between image and snapshot: what CreateImage wrote is proof enough."""
    assert doubt(replace(WHOLE[SNAPSHOT], used_by=()), []) == ""


def _image(change: Callable[[Resource], Resource]) -> list[Resource]:
    return [change(one) if one.id == "ami-41" else one for one in ALL]


def test_a_snapshot_must_be_in_its_image() -> None:
    """Another snapshot that names the image, or an image that is not the deploy's own."""
    strange = _image(lambda one: replace(one, name="somebody's"))
    assert "image ami-41 is not its deploy's" in doubt(WHOLE[SNAPSHOT], strange)
    other = _image(lambda one: replace(one, uses=("snap-other",)))
    assert "does not hold it" in doubt(WHOLE[SNAPSHOT], other)


def test_an_id_that_does_not_parse_proves_nothing() -> None:
    """Without a deploy there is nothing to be born of."""
    assert "does not parse" in doubt(tagged(WHOLE[VOLUME], deploy_id="shop"))


def test_a_kind_without_a_proof_is_doubted() -> None:
    """People may tag anything, even a thing of a kind that no deploy makes."""
    gateway = replace(WHOLE[VOLUME], kind="natgateway", id="nat-1", used_by=())
    tags = {**gateway.tags, t.PART: t.part("natgateway", PLACE)}
    assert "nothing that a deploy makes" in doubt(replace(gateway, tags=tags))


def test_a_deploy_may_make_several_of_a_kind() -> None:
    """A number tells them apart; every other tail is somebody's own word."""
    for kind in (GROUP, KEY_PAIR, TEMPLATE):
        assert doubt(replace(WHOLE[kind], name=f"{DEAD.stem}-2")) == ""
        for tail in ("-1", "-copy", "-2-copy", "-100", "2"):
            assert "its name is not" in doubt(replace(WHOLE[kind], name=DEAD.stem + tail))


def test_an_address_on_the_deploys_own_machine_is_its_own() -> None:
    """As long as the machine lives it holds the address, and both go in their waves."""
    address = replace(WHOLE[ADDRESS], used_by=("i-41",))
    assert doubt(address) == ""
    assert doubt(replace(address, used_by=("eni-41",))) == ""


KNOWN = ownership.Adopted(("10.0.1.17",), ("i-17",))


@pytest.mark.parametrize("known", [KNOWN, replace(KNOWN, ids=())], ids=["by id", "by address"])
def test_rule_15_a_second_machine_with_an_adopted_ones_tags_is_not_it(
    known: ownership.Adopted,
) -> None:
    """Started "more like this": the ledger's ids tell, those of an older ledger its addresses."""
    original = next(one for one in ALL if one.id == "i-17")
    copy = replace(original, id="i-copy", addresses=("10.0.1.99",))
    there = {(one.kind, one.id): one for one in (original, copy)}
    assert ownership.stands_in(original, known, there) == ""
    assert "its tags are those of i-17" in ownership.stands_in(copy, known, there)
