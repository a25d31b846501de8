"""The IAM policies: written from one list, and that list is what the code asks of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.aws.client.query import camel
from reconciler.aws.iam.policy import POLICIES, actions, adopt, deployer, leave, reconciler, viewer
from reconciler.aws.iam.scope import GivenZones, scope
from reconciler.aws.iam.ssh_routes import CALLED_BY_THE_CLI
from reconciler.aws.iam.statements import Document, Scope
from reconciler.cli.main import cli
from reconciler.cli.policy import WHOSE
from reconciler.cli.shared import ended
from reconciler.config.loader import Settings, load
from reconciler.config.reconciler import Notices
from reconciler.config.ssh import Bastion, Ssh
from reconciler.config.traffic import TrafficSettings
from reconciler.errors import ConfigError
from reconciler.model import tags as t
from reconciler.model.reading import LedgerAddress
from reconciler.util.secret import Reference
from tests.support.unseen_actions import UNSEEN

ROOT = Path(__file__).resolve().parents[5]
ZONES = GivenZones({"example.com": "Z0123456789ABCDEFGHIJ"})
READS = {"describe", "get", "list"}
MUTATES = {
    "attach",
    "change",
    "add",
    "associate",
    "create",
    "delete",
    "deregister",
    "detach",
    "modify",
    "put",
    "register",
    "release",
    "remove",
}
VERBS = {*READS, *MUTATES, *("assume", "reboot", "remove", "revoke", "run", "start", "stop")}
VERBS |= {"put", "simulate", "terminate"}
SERVICES = {
    "db": "rds",
    "to_resource": "rds",
    "record": "route53",
    "hosted": "route53",
    "parameter": "ssm",
    "products": "pricing",
    "launch_configurations": "autoscaling",
    "role": "sts",
    "target": "elasticloadbalancing",
    "listeners": "elasticloadbalancing",
    "listener": "elasticloadbalancing",
    "rule": "elasticloadbalancing",
    "account_limits": "elasticloadbalancing",
    "load_balancers": "elasticloadbalancing",
    "principal_policy": "iam",
    "service_quota": "servicequotas",
    "object": "s3",
    "bucket": "s3",
}
IN_IAM = {"s3:ListObjectsV2": "s3:ListBucket"}
"""The one action whose permission has another name."""
NOT_ASKED_OF_AWS = {
    *("create_client", "create_loader", "create_parser", "get_component", "get_credentials"),
    *(
        "get_caller_identity",
        "get_config_variable",
        "get_paginator",
        "list_databases",
        "release_of",
    ),
    *("list_api_versions", "list_available_services", "register_component", "register_first"),
}
"""botocore's own functions and ours; and the one call that needs no permission."""
ELASTIC = "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/eipalloc-0123456789abcdef0"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/a1/b2"
OF_TWO = {"elasticloadbalancing:DescribeTags"}
"""Actions of load balancers that EC2 has as well, by the same name."""
JOURNAL = "s3://my-bucket/deploys"
SEND_KEY = "ec2-instance-connect:SendSSHPublicKey"
"""Of the form `send_ssh_public_key`, which no rule makes into this."""


@pytest.fixture
def settings() -> Settings:
    """The example configuration."""
    return load(ROOT / "config")


def asked_in_source() -> set[str]:
    """Every operation that the edges name, as IAM names it."""
    found: set[str] = set()
    for folder in ("reconciler/aws", "deployer/aws"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            found |= set(re.findall(r'"([a-z]+_[a-z0-9_]+)"', text))
            found |= set(re.findall(r"\.([a-z]+_[a-z0-9_]+)\(", text))
    operations = {one for one in found if one.split("_")[0] in VERBS} - NOT_ASKED_OF_AWS
    named = {f"{_service(one)}:{camel(one)}" for one in operations}
    return {IN_IAM.get(one, one) for one in named} | OF_TWO


def _service(operation: str) -> str:
    if operation in ("add_tags", "remove_tags"):
        return "elasticloadbalancing"
    if operation in ("describe_key", "get_key_policy"):
        return "kms"
    return next((name for word, name in SERVICES.items() if f"_{word}" in operation), "ec2")


@pytest.mark.parametrize("whose", sorted(POLICIES))
def test_the_files_are_what_the_command_prints(
    whose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`reconciler policy` writes config/iam, and asks nobody when the zone is given."""
    words = ["--config", str(ROOT / "config"), "policy", "--for", whose]
    assert ended(cli, [*words, "--zone", "example.com=Z0123456789ABCDEFGHIJ"]) == 0
    assert capsys.readouterr().out == (ROOT / f"config/iam/{whose}.json").read_text()


def test_every_policy_can_be_asked_for() -> None:
    """The command line names them without importing them."""
    assert set(WHOSE) == set(POLICIES) == {one.stem for one in (ROOT / "config/iam").glob("*.json")}


def test_what_the_code_asks_for_is_allowed_and_nothing_else(settings: Settings) -> None:
    """A new call without a permission, and a permission without a call, are found here."""
    presets = ("instance-connect-endpoint", "ssm")
    here = replace(
        scope(settings, "", ZONES),
        lifts=True,
        listeners=(LISTENER,),
        elastic_ips=(ELASTIC,),
        routes=presets,
        ssh_users=("admin",),
        objects=(LedgerAddress.in_bucket("s3://ledgers/production", "shop", "shop.example.com"),),
        journals=(JOURNAL,),
    )
    allowed = frozenset().union(*(actions(make(here)) for make in POLICIES.values()))
    without_call = {"iam:PassRole", SEND_KEY}
    assert asked_in_source() - allowed == set()
    assert allowed - asked_in_source() == without_call | CALLED_BY_THE_CLI
    assert set(UNSEEN) - allowed == {"sts:AssumeRole"}


def test_only_who_has_a_journal_may_write_one(settings: Settings) -> None:
    """Its own services' objects below the prefix; a viewer reads them; nobody deletes any."""
    without = scope(settings, "", ZONES)
    assert not [one for make in POLICIES.values() for one in actions(make(without)) if "s3:" in one]
    said = settings.reconciler.model_copy(update={"journal": JOURNAL})
    told = scope(replace(settings, reconciler=said), "", ZONES)
    for make in (deployer, reconciler):
        by_sid = {one["Sid"]: one for one in make(told)["Statement"]}
        assert by_sid["WriteTheJournal"]["Resource"] == ["arn:aws:s3:::my-bucket/deploys/shop/*"]
    seen = {one for one in actions(POLICIES["viewer"](told)) if one.startswith("s3:")}
    assert seen == {"s3:GetObject", "s3:ListBucket"}
    assert not [
        one for make in POLICIES.values() for one in actions(make(told)) if "DeleteO" in one
    ]


def test_the_sweep_launches_nothing(settings: Settings) -> None:
    """What it may do is a part of what the deployer may, but for the list of regions."""
    here = scope(settings, "", ZONES)
    assert actions(reconciler(here)) - {"ec2:DescribeRegions"} < actions(deployer(here))


def test_only_who_is_behind_a_load_balancer_may_change_one(settings: Settings) -> None:
    """Its own listeners alone; the sweep makes no target groups."""
    without = scope(settings, "", ZONES)
    for whose, make in POLICIES.items():
        changing = [one for one in actions(make(without)) if one.startswith("elastic")]
        assert not changing or whose == "strays"  # which lists whole regions
    shop = settings.services["shop"]
    traffic = TrafficSettings(kind="target-group", listener=(LISTENER,))
    told = replace(settings, services={"shop": shop.model_copy(update={"traffic": traffic})})
    by_sid = {one["Sid"]: one for one in reconciler(scope(told, "", ZONES))["Statement"]}
    assert by_sid["LetTrafficFollowTheLedger"]["Resource"] == [LISTENER]
    assert "CreateTargetGroup" not in str(actions(reconciler(scope(told, "", ZONES))))
    made = {one["Sid"]: one for one in deployer(scope(told, "", ZONES))["Statement"]}
    born = made["CreateTargetGroupsBornWithTheirTags"]["Condition"]["StringLike"]
    assert born == {"aws:RequestTag/deploy-id": ["shop/*"]}
    found = shop.model_copy(update={"traffic": TrafficSettings(kind="target-group")})
    told = replace(settings, services={"shop": found})
    (any_,) = scope(told, "", ZONES).listeners
    assert any_.endswith(":listener/*")


def in_bucket(settings: Settings, **more: object) -> Settings:
    """The configuration with the shop's ledger in a bucket."""
    traffic = TrafficSettings(kind="target-group", listener=(LISTENER,))
    told = {"traffic": traffic, "ledger": "s3://ledgers/production", **more}
    shop = settings.services["shop"].model_copy(update=told)
    return replace(settings, services={"shop": shop})


@pytest.mark.parametrize("make", [deployer, reconciler, viewer])
def test_a_ledger_in_a_bucket_needs_no_zone(
    settings: Settings, make: Callable[[Scope], Document]
) -> None:
    """Read in the folder, written where it is the service's own, and never deleted."""
    document = make(scope(in_bucket(settings), "", GivenZones({})))
    assert "route53" not in str(document)
    assert "Delete" not in str([one for one in actions(document) if one.startswith("s3:")])
    by_sid = {one["Sid"]: one for one in document["Statement"]}
    read, listed = by_sid["ReadTheLedgersInS3"], by_sid["TellNoLedgerFromADeniedOne"]
    assert read["Resource"] == ["arn:aws:s3:::ledgers/production/*"]
    assert listed["Resource"] == ["arn:aws:s3:::ledgers"]
    assert listed["Condition"] == {"StringLikeIfExists": {"s3:prefix": ["production/"]}}
    writes = [one for one in by_sid.values() if one["Action"] == "s3:PutObject"]
    assert [one["Resource"] for one in writes] == (
        [] if make is viewer else [["arn:aws:s3:::ledgers/production/shop"]] * 2
    )
    conditions = [one["Condition"]["Null"] for one in writes]
    assert all(
        one in ({"s3:if-match": "false"}, {"s3:if-none-match": "false"}) for one in conditions
    )


def test_the_zones_that_a_ledger_in_a_bucket_watches_are_read(settings: Settings) -> None:
    """And nothing in them is changed."""
    watched = in_bucket(settings, witness_zones=("example.com",))
    document = reconciler(scope(watched, "", ZONES))
    assert "ChangeResourceRecordSets" not in str(document)
    by_sid = {one["Sid"]: one for one in document["Statement"]}
    read = by_sid["ReadTheLedgerAndTheRecord"]["Resource"]
    assert read == ["arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"]


@pytest.mark.parametrize("make", [deployer, reconciler])
def test_a_record_that_follows_a_ledger_in_a_bucket(
    settings: Settings, make: Callable[[Scope], Document]
) -> None:
    """Record and claim are changed, and no other name of the zone; the zone's names are read."""
    follows = in_bucket(settings, traffic=TrafficSettings())
    by_sid = {one["Sid"]: one for one in make(scope(follows, "", ZONES))["Statement"]}
    zone = ["arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"]
    assert by_sid["ReadTheLedgerAndTheRecord"]["Resource"] == zone
    swap = by_sid["SwapTheLedgerAndTheRecordNeverUpsert"]
    assert swap["Resource"] == zone
    names = swap["Condition"]["ForAllValues:StringEquals"]
    assert sorted(names["route53:ChangeResourceRecordSetsNormalizedRecordNames"]) == [
        "_deploy.shop.example.com",
        "shop.example.com",
    ]


def test_only_the_own_elastic_ip_may_be_moved(settings: Settings) -> None:
    """The configured one; where the record names it, any of the region. Nobody else may at all."""
    without = scope(settings, "", ZONES)
    assert not [
        one for make in POLICIES.values() for one in actions(make(without)) if "Assoc" in one
    ]
    shop = settings.services["shop"]
    for allocation in (ELASTIC.rpartition("/")[2], None):
        traffic = TrafficSettings(kind="elastic-ip", allocation=allocation)
        told = replace(settings, services={"shop": shop.model_copy(update={"traffic": traffic})})
        for make in (reconciler, deployer):
            by_sid = {one["Sid"]: one for one in make(scope(told, "", ZONES))["Statement"]}
            said = by_sid["LetTheElasticIpFollowTheLedger"]
            assert said["Action"] == "ec2:AssociateAddress"
            moved = [one for one in said["Resource"] if ":elastic-ip/" in one]
            assert moved == [ELASTIC if allocation else ELASTIC.rpartition("/")[0] + "/*"]


def by_route(settings: Settings, ssh: Ssh) -> Settings:
    """The configuration with this way to the shop's machines."""
    shop = settings.services["shop"].model_copy(update={"ssh": ssh})
    return replace(settings, services={"shop": shop})


@pytest.mark.parametrize("make", [deployer, reconciler])
def test_the_tunnel_of_a_preset_is_allowed_and_no_other(
    settings: Settings, make: Callable[[Scope], Document]
) -> None:
    """SSH documents on our machines, and SSH's port: no shell without a document."""
    here = scope(settings, "", ZONES)
    assert not actions(make(here)) & CALLED_BY_THE_CLI
    by_ssm = by_route(settings, Ssh(user="admin", via="ssm"))
    found = {one["Sid"]: one for one in make(scope(by_ssm, "", ZONES))["Statement"]}
    sessions = [one for one in found.values() if one["Action"] == "ssm:StartSession"]
    assert len(sessions) == 2
    for statement in sessions:
        checked = statement["Condition"]["BoolIfExists"]
        assert checked == {"ssm:SessionDocumentAccessCheck": "true"}
    own = found["UseOwnSessions"]
    assert {"ssm:ResumeSession", "ssm:TerminateSession"} <= set(own["Action"])
    assert all(one.endswith(":session/${aws:userid}-*") for one in own["Resource"])
    ours = found["StartSshSessionsOnOurMachines"]["Condition"]["StringLike"]
    assert ours == {"aws:ResourceTag/deploy-id": ["shop/*"]}
    endpoint = by_route(settings, Ssh(user="admin", via="instance-connect-endpoint", port=2222))
    found = {one["Sid"]: one for one in make(scope(endpoint, "", ZONES))["Statement"]}
    ports = found["OpenTunnelsToSshPorts"]["Condition"]["NumericEquals"]
    assert ports == {"ec2-instance-connect:remotePort": ["2222"]}


def test_adopt_reaches_a_machine_that_has_no_tag_of_ours(settings: Settings) -> None:
    """Through a session of the SSH document, and only where that is the way."""
    by_ssm = scope(by_route(settings, Ssh(user="admin", via="ssm")), "", ZONES)
    found = {one["Sid"]: one for one in adopt(by_ssm)["Statement"]}
    statement = found["StartSshSessionsOnAMachineThatNoDeployMade"]["Condition"]
    assert statement["Null"] == {"aws:ResourceTag/deploy-id": "true"}
    assert statement["BoolIfExists"] == {"ssm:SessionDocumentAccessCheck": "true"}
    assert "ssm:StartSession" not in actions(adopt(scope(settings, "", ZONES)))


@pytest.mark.parametrize("make", [deployer, reconciler, adopt])
def test_a_key_for_a_minute_is_sent_for_the_configured_user_alone(
    settings: Settings, make: Callable[[Scope], Document]
) -> None:
    """Only with `key = "instance-connect"`; to our machines, or before an adoption to untagged."""
    assert SEND_KEY not in actions(make(scope(settings, "", ZONES)))
    told = by_route(settings, Ssh.model_validate({"user": "admin", "key": "instance-connect"}))
    found = [one for one in make(scope(told, "", ZONES))["Statement"] if one["Action"] == SEND_KEY]
    (statement,) = found
    assert statement["Condition"]["StringEquals"] == {"ec2:osuser": ["admin"]}
    whose = statement["Condition"].get("StringLike") or statement["Condition"]["Null"]
    named = {"aws:ResourceTag/deploy-id": "true" if make is adopt else ["shop/*"]}
    assert whose == named
    assert all(":instance/" in one for one in statement["Resource"])


def test_every_tag_of_ours_may_be_taken_off_and_no_other(settings: Settings) -> None:
    """By `leave` and `retire ID`: a key that the policy forgot would stop them half-way."""
    here = scope(settings, "", ZONES)
    for statement in (leave(here)["Statement"][0], adopt(here)["Statement"][1]):
        assert statement["Action"] == "ec2:DeleteTags"
        assert statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"] == sorted(t.OWN)


def test_every_key_that_is_written_is_known_as_ours() -> None:
    """Each constant of the tags that begins so."""
    keys = {value for value in vars(t).values() if isinstance(value, str)}
    assert {key for key in keys if key.startswith("deploy-")} == set(t.OWN)


def test_the_keys_of_bastions_are_read_as_others_are(settings: Settings) -> None:
    """A hop with a key of its own in Parameter Store: the policy names that parameter."""
    host_key = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{'a' * 44}"
    key = Reference("ssm", "/bastion/key")
    hop = Bastion(host="bastion.example.com", user="jump", host_key=host_key, key=key)
    told = by_route(settings, Ssh(user="admin", via="bastion", bastion=(hop,)))
    assert "/bastion/key" in scope(told, "", ZONES).parameters


def test_roles_of_other_accounts(settings: Settings) -> None:
    """[roles] in reconciler.toml: the sweep may assume those, and no others."""
    arn = "arn:aws:iam::210987654321:role/sweep"
    here = replace(scope(settings, "", ZONES), assumes=(arn,))
    found = [one for one in reconciler(here)["Statement"] if one["Action"] == "sts:AssumeRole"]
    assert [one["Resource"] for one in found] == [[arn]]


def test_telling_people(settings: Settings) -> None:
    """[notices]: publish to that topic, read that parameter, write one tag; else none of it."""
    topic = "arn:aws:sns:eu-west-1:123456789012:sweeps"
    said = Notices.model_validate(
        {"topic": topic, "webhook": Reference("ssm", "/reconciler/webhook")}
    )
    told = replace(settings, reconciler=settings.reconciler.model_copy(update={"notices": said}))
    here = reconciler(scope(told, "", ZONES))
    by_sid = {one["Sid"]: one for one in here["Statement"]}
    assert by_sid["TellPeople"]["Resource"] == [topic]
    tags = by_sid["SayWhenPeopleWereTold"]["Condition"]["ForAllValues:StringEquals"]
    assert tags == {"aws:TagKeys": ["deploy-noticed"]}
    assert "parameter/reconciler/webhook" in str(by_sid["ResolveReferences"]["Resource"])
    silent = {one["Sid"] for one in reconciler(scope(settings, "", ZONES))["Statement"]}
    assert by_sid.keys() - silent == {"TellPeople", "SayWhenPeopleWereTold"}


def test_names_that_move_along_and_zones_that_are_read(settings: Settings) -> None:
    """`also` may be changed as the record may; a zone of witnesses is read, and never changed."""
    shop = settings.services["shop"]
    more = {
        "also": ("www.example.com",),
        "witness_zones": ("example.org", "Z0000000000000000OTHER"),
    }
    told = replace(settings, services={"shop": shop.model_copy(update=more)})
    zones = GivenZones({"example.com": "ZA", "example.org": "ZB"})
    by_sid = {one["Sid"]: one for one in reconciler(scope(told, "", zones))["Statement"]}
    swap = by_sid["SwapTheLedgerAndTheRecordNeverUpsert"]
    assert swap["Resource"] == ["arn:aws:route53:::hostedzone/ZA"]
    assert "www.example.com" in str(swap["Condition"])
    read = by_sid["ReadTheLedgerAndTheRecord"]["Resource"]
    assert [one.rpartition("/")[2] for one in read] == ["Z0000000000000000OTHER", "ZA", "ZB"]
    with pytest.raises(ConfigError, match=r"no --zone that was given is example\.org"):
        scope(told, "", ZONES)


def test_the_longest_zone_holds_the_ledger(settings: Settings) -> None:
    """As Route 53 would say."""
    zones = GivenZones({"example.com": "ZA", "shop.example.com": "ZB", "hop.example.com": "ZC"})
    assert scope(settings, "", zones).zones == ("ZB",)
    assert "shop._deploy.shop.example.com" in scope(settings, "", zones).names


@pytest.mark.parametrize(
    ("account", "zones", "says"),
    [
        ("210987654321", {"example.com": "Z"}, "no service is in account 210987654321"),
        ("", {"example.org": "Z"}, "no --zone that was given contains shop.example.com"),
    ],
)
def test_what_is_not_there_is_said(
    settings: Settings, account: str, zones: dict[str, str], says: str
) -> None:
    """Another account, or a zone that no record is in."""
    with pytest.raises(ConfigError, match=re.escape(says)):
        scope(settings, account, GivenZones(zones))


def test_a_zone_is_name_and_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of it is a usage error, with an example."""
    assert ended(cli, ["--config", str(ROOT / "config"), "policy", "--zone", "Z01"]) == 2
    assert "--zone example.com=Z0123456789ABCDEFGHIJ" in capsys.readouterr().err


def test_json_is_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    """--json: in one line."""
    words = ["--config", str(ROOT / "config"), "policy", "--zone", "example.com=Z01", "--json"]
    assert ended(cli, words) == 0
    assert json.loads(capsys.readouterr().out)["Version"] == "2012-10-17"
