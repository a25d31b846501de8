"""Dirt that no release leaves: what a hook of a configuration may have made before it died.

Made through AWS's own API, each thing born with the tags of a deploy that nothing roots.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3

from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import encode
from reconciler.model.tags import LEDGER, AccountRegion
from tests.crash.matrix.stage import PLAN, Stage
from tests.support.aws_api import PLACE, Api
from tests.support.every_kind import Maker, born

FAR = AccountRegion("222233334444", "us-east-1")
ROLE = f"arn:aws:iam::{FAR.account}:role/reconciler"
ZONE = "example.org"

BLOG = f"""\
record  = "blog.{ZONE}"
account = "{FAR.account}"
region  = "{FAR.region}"
files   = "none"
[code]
source = "."
path   = "/srv/blog"
[app]
units = ["blog"]
[[smoke]]
command = "true"
[ssh]
user = "admin"
"""
PLACES = f"""\
accounts = ["{PLACE.account}", "{FAR.account}"]
regions  = ["{PLACE.region}", "{FAR.region}"]
[roles]
{FAR.account} = "{ROLE}"
"""


class Near(Api):
    """The stage's own account, round the doors."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def ec2(self) -> Any:
        return self._stage.aws("ec2")

    @property
    def rds(self) -> Any:
        return self._stage.aws("rds")

    @property
    def elbv2(self) -> Any:
        return self._stage.aws("elbv2")


class Far(Api):
    """Another account and region of the same cloud, by a role assumed there."""

    def __init__(self, stage: Stage) -> None:
        self._endpoint = stage.sandbox.endpoint
        asked = stage.aws("sts").assume_role(RoleArn=ROLE, RoleSessionName="matrix")
        lent = asked["Credentials"]
        self._session = boto3.Session(
            aws_access_key_id=lent["AccessKeyId"],
            aws_secret_access_key=lent["SecretAccessKey"],
            aws_session_token=lent["SessionToken"],
            region_name=FAR.region,
        )

    @property
    def ec2(self) -> Any:
        return self._session.client("ec2", endpoint_url=self._endpoint)

    @property
    def route53(self) -> Any:
        """Its zones."""
        return self._session.client("route53", endpoint_url=self._endpoint)


KINDS = 'kinds = ["rds-instance", "rds-snapshot"]'
"""RDS is looked at only where it is named."""


def of_every_kind(stage: Stage) -> None:
    """One thing, or two that name each other, of every kind that `up` itself makes none of."""
    path = Path(stage.environment["DEPLOY_CONFIG"]) / "reconciler.toml"
    text = path.read_text() if path.exists() else ""
    if KINDS not in text:
        path.write_text(f"{KINDS}\n{text}")
    maker = _shop_maker(stage)
    maker.more()
    maker.disk()
    maker.interface()


def a_little(stage: Stage) -> None:
    """Three things of three waves and services."""
    maker = _shop_maker(stage)
    maker.address()
    maker.key_pair()
    maker.disk()


def agreed_to(stage: Stage) -> None:
    """A little, and a plan of its removal in a file."""
    a_little(stage)
    done = stage.run("reconciler", "plan", "-o", str(stage.folder / PLAN))
    assert done.code == 0, done


def in_two_places(stage: Stage) -> None:
    """A volume of the shop, and a key pair of another service, elsewhere in another account."""
    config = Path(stage.environment["DEPLOY_CONFIG"])
    (config / "services" / "blog.toml").write_text(BLOG)
    (config / "reconciler.toml").write_text(PLACES)
    _shop_maker(stage).disk()
    far = Far(stage)
    birth = born("q2w8e", f"{_zone(far)}/blog._deploy.{ZONE}", "blog", FAR)
    maker = Maker(far, birth, "")
    maker.disk()
    maker.key_pair()


def nothing_far(stage: Stage) -> None:
    """Nor is anything left there."""
    ec2 = Far(stage).ec2
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_key_pairs()["KeyPairs"] == []


def _shop_maker(stage: Stage) -> Maker:
    machine = stage.instances()[0]["InstanceId"]
    ledger = stage.tags(machine)[LEDGER]
    return Maker(Near(stage), born("x9f4c", ledger), stage.sandbox.state().base_image)


def _zone(far: Far) -> str:
    """The other account's zone with a ledger that roots nothing yet; its id."""
    made = far.route53.create_hosted_zone(Name=ZONE, CallerReference=ZONE)
    zone: str = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    record = {
        "Name": f"blog._deploy.{ZONE}",
        "Type": "TXT",
        "TTL": 60,
        "ResourceRecords": [{"Value": encode(Ledger(gen=1))}],
    }
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    far.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return zone
