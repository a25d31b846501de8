"""The stages whose traffic follows the ledger: a load balancer, or an Elastic IP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deployer.sandbox.control.options import BALANCER, ELASTIC
from deployer.sandbox.network import name_server
from reconciler.aws.s3.lines import from_lines
from tests.crash.invariants import wait_for
from tests.crash.matrix.stage import Stage
from tests.support.company import RECORD, Json

DRAINS = 4
"""Sweeps, a quarter of an hour apart, in which a release has left the balancer."""

BY_HAND = "shop-by-hand"
"""The group that the company's staff made, and `adopt` took as it is."""

BUCKET = "company-ledgers"

TORN = ("ConnectionReset", "RemoteDisconnected", "BrokenPipe", "Connection reset", "closed conn")
"""What a client may see whose connection was open when an Elastic IP moved (docs/elastic-ip.md)."""


class BalancedStage(Stage):
    """Behind a load balancer."""

    shape: ClassVar[str] = BALANCER

    @property
    def elb(self) -> Any:
        """Its load balancers, round the doors."""
        return self.aws("elbv2")

    def keep_ledger_in_bucket(self) -> None:
        """The ledger is moved to a bucket that keeps versions."""
        s3, (balancer,) = self.aws("s3"), self._balancers()
        where = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        listed = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        kind, (listener,) = 'kind = "target-group"', listed["Listeners"]
        self.configure(kind, f'{kind}\nlistener = "{listener["ListenerArn"]}"')
        self.configure(r"^record  =", f'ledger = "s3://{BUCKET}"\nrecord  =')
        self.ok("deployer", "move", "shop", "--yes")

    def ledger(self) -> str:
        """Its text, wherever it was moved to."""
        text = super().ledger()
        if f"moved=s3://{BUCKET}/" not in text:
            return text
        body = self.aws("s3").get_object(Bucket=BUCKET, Key="shop")["Body"].read()
        return from_lines(body.decode())

    def pointed_at(self) -> tuple[str, ...]:
        """The addresses of the balancer."""
        return tuple(one for one, _ in name_server.resolve(self.sandbox.state().dns, RECORD))

    def groups(self) -> dict[str, str]:
        """Every target group: ARN by name."""
        found = self.elb.describe_target_groups()["TargetGroups"]
        return {one["TargetGroupName"]: one["TargetGroupArn"] for one in found}

    def weights(self) -> dict[str, int]:
        """What the listener says: weight by the group's ARN."""
        (balancer,) = self._balancers()
        listed = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        (action,) = listed["Listeners"][0]["DefaultActions"]
        groups = action["ForwardConfig"]["TargetGroups"]
        return {one["TargetGroupArn"]: one["Weight"] for one in groups}

    def _balancers(self) -> list[Json]:
        found: list[Json] = self.elb.describe_load_balancers(Names=["shop"])["LoadBalancers"]
        return found

    def serving(self) -> set[str]:
        """The healthy targets of the group that gets all requests."""
        (arn,) = (one for one, weight in self.weights().items() if weight)
        found = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        states = {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}
        assert set(states.values()) == {"healthy"}, states
        return set(states)

    def assert_traffic(self) -> None:
        """The group that gets requests is the live deploy's, too."""
        super().assert_traffic()
        (arn,) = (one for one, weight in self.weights().items() if weight)
        (told,) = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert {"Key": "deploy-id", "Value": self.live_id()} in told["Tags"], told

    def settle(self) -> None:
        """Requests drain; then only the group that serves is named, and none of ours beside it."""
        for _ in range(DRAINS):
            self.later()
            self.ok("reconciler", "sweep")
            if self.run("reconciler", "plan", "--exit-code").code == 0:
                break
        assert len(self.weights()) == 1, self.weights()
        assert set(self.groups().values()) - {self.groups()[BY_HAND]} <= self.weights().keys()


class ElasticStage(Stage):
    """Its one machine has an Elastic IP, which the record names."""

    shape: ClassVar[str] = ELASTIC
    machines: ClassVar[int] = 1

    @property
    def elastic(self) -> Json:
        """The Elastic IP."""
        (found,) = self.aws("ec2").describe_addresses()["Addresses"]
        return dict(found)

    def serving(self) -> set[str]:
        """The machine that holds the address."""
        return {str(self.elastic.get("InstanceId", ""))}

    def set_up(self) -> None:
        """As any other; clients reach the address once the small network has it."""
        super().set_up()
        wait_for(lambda: bool(self.version()))

    def failures(self, errors: Sequence[str]) -> list[str]:
        """All but a connection that was open when the address moved."""
        return [one for one in errors if not any(word in one for word in TORN)]
