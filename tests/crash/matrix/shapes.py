"""The stages whose traffic follows the ledger: load balancers, or an Elastic IP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deployer.sandbox.control.options import BALANCER, ELASTIC, PRIVATE_BALANCER
from deployer.sandbox.network import name_server
from reconciler.aws.s3.lines import from_lines
from reconciler.traffic.record_claim import claim_name
from tests.crash.invariants import wait_for
from tests.crash.matrix.stage import Stage
from tests.support.company import PORT, RECORD, Json

DRAINS = 4
"""Sweeps, a quarter of an hour apart, in which a release has left the balancer."""

BY_HAND = "shop-by-hand"
"""The group that the company's staff made, and `adopt` took as it is."""

KIND = r'^kind = "target-group".*$'
"""The line of the service's file that is replaced to name several routes."""

BUCKET = "company-ledgers"


def make_bucket(stage: Stage) -> None:
    """A bucket for ledgers, which keeps versions."""
    s3, where = stage.aws("s3"), {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def text_in_bucket(stage: Stage) -> str:
    """The ledger's text, as it would stand in a TXT value; '' where there is none."""
    s3 = stage.aws("s3")
    try:
        body = s3.get_object(Bucket=BUCKET, Key="shop")["Body"].read()
    except s3.exceptions.NoSuchKey:
        return ""
    return from_lines(body.decode())


TORN = ("ConnectionReset", "RemoteDisconnected", "BrokenPipe", "Connection reset", "closed conn")
"""What a client may see whose connection was open when an Elastic IP moved (docs/elastic-ip.md)."""


class BalancedStage(Stage):
    """Behind a load balancer."""

    shape: ClassVar[str] = BALANCER
    name: ClassVar[str] = BALANCER

    @property
    def elb(self) -> Any:
        """Its load balancers, round the doors."""
        return self.aws("elbv2")

    def keep_ledger_in_bucket(self) -> None:
        """The ledger is moved to a bucket that keeps versions."""
        make_bucket(self)
        (balancer,) = self._balancers()
        listed = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        kind, (listener,) = 'kind = "target-group"', listed["Listeners"]
        self.configure(kind, f'{kind}\nlistener = "{listener["ListenerArn"]}"')
        self.configure(r"^record  =", f'ledger = "s3://{BUCKET}"\nrecord  =')
        self.ok("deployer", "move", "shop", "--yes")

    def ledger(self) -> str:
        """Its text, wherever it was moved to."""
        text = super().ledger()
        return text_in_bucket(self) if f"moved=s3://{BUCKET}/" in text else text

    def pointed_at(self) -> tuple[str, ...]:
        """The addresses of the balancer."""
        return tuple(one for one, _ in name_server.resolve(self.sandbox.state().dns, RECORD))

    def groups(self) -> dict[str, str]:
        """Every target group: ARN by name."""
        found = self.elb.describe_target_groups()["TargetGroups"]
        return {one["TargetGroupName"]: one["TargetGroupArn"] for one in found}

    def weights(self) -> list[dict[str, int]]:
        """What each of its routes says, listener by listener: weight by the group's ARN."""
        (balancer,) = self._balancers()
        listed = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        found = [action for one in listed["Listeners"] for action in self._actions(one)]
        forwards = [one["ForwardConfig"]["TargetGroups"] for one in found if "ForwardConfig" in one]
        return [{one["TargetGroupArn"]: one["Weight"] for one in groups} for groups in forwards]

    def _actions(self, listener: Json) -> list[Json]:
        """Its own, and those of its rules."""
        rules = self.elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        others = (action for one in rules if not one["IsDefault"] for action in one["Actions"])
        return [*listener["DefaultActions"], *others]

    def serving_groups(self) -> list[str]:
        """The group that gets all requests, of each route."""
        found = [[arn for arn, weight in one.items() if weight] for one in self.weights()]
        assert all(len(one) == 1 for one in found), found
        return [arn for (arn,) in found]

    def _balancers(self) -> list[Json]:
        found: list[Json] = self.elb.describe_load_balancers(Names=["shop"])["LoadBalancers"]
        return found

    def serving(self) -> set[str]:
        """The healthy targets of the groups that get all requests: of every route the same."""
        machines = [self._healthy(arn) for arn in self.serving_groups()]
        assert all(one == machines[0] for one in machines), machines
        return machines[0]

    def _healthy(self, arn: str) -> set[str]:
        found = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        states = {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}
        assert set(states.values()) == {"healthy"}, states
        return set(states)

    def assert_traffic(self) -> None:
        """The groups that get requests are the live deploy's, too."""
        super().assert_traffic()
        told = self.elb.describe_tags(ResourceArns=self.serving_groups())["TagDescriptions"]
        assert told
        for one in told:
            assert {"Key": "deploy-id", "Value": self.live_id()} in one["Tags"], one

    def lead_by_hand(self, group: str = BY_HAND) -> None:
        """Somebody replaces the first listener's action, as Terraform does."""
        (balancer,) = self._balancers()
        listed = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        (listener, *_) = listed["Listeners"]
        named = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        arn = self.groups()[group]
        groups = [{**one, "Weight": int(one["TargetGroupArn"] == arn)} for one in named]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])

    def settle(self) -> None:
        """Requests drain; then only the group that serves is named, and none of ours beside it."""
        for _ in range(DRAINS):
            self.later()
            self.ok("reconciler", "sweep")
            if self.run("reconciler", "plan", "--exit-code").code == 0:
                break
        assert all(len(one) == 1 for one in self.weights()), self.weights()
        named = {arn for one in self.weights() for arn in one}
        assert set(self.groups().values()) - {self.groups()[BY_HAND]} <= named


class RoutesStage(BalancedStage):
    """Behind two listeners of a load balancer, and a rule of a third: three routes."""

    name: ClassVar[str] = "several routes"

    def set_up(self) -> None:
        """As any other; the staff has made the other two routes, and named all three."""
        super().set_up()
        (balancer,) = self._balancers()
        arn = str(balancer["LoadBalancerArn"])
        first = self.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
        forward = {"Type": "forward", "TargetGroupArn": self.groups()[BY_HAND]}
        nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        second = self._listener(arn, PORT + 1, forward)
        rule = self.elb.create_rule(
            ListenerArn=self._listener(arn, PORT + 2, nothing),
            Priority=10,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[forward],
        )["Rules"][0]["RuleArn"]
        listed = ", ".join(f'"{one}"' for one in (first, second, rule))
        super().configure(KIND, f'kind = "target-group"\nlistener = [{listed}]')

    def _listener(self, balancer: str, port: int, action: Json) -> str:
        made = self.elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        return str(made["Listeners"][0]["ListenerArn"])


class HiddenStage(BalancedStage):
    """Behind a load balancer; SSH and the database are reached through a bastion alone."""

    shape: ClassVar[str] = PRIVATE_BALANCER
    name: ClassVar[str] = PRIVATE_BALANCER


class ElasticStage(Stage):
    """Its one machine has an Elastic IP, which the record names."""

    shape: ClassVar[str] = ELASTIC
    name: ClassVar[str] = ELASTIC
    machines: ClassVar[int] = 1

    @property
    def elastic(self) -> Json:
        """The Elastic IP."""
        (found,) = self.aws("ec2").describe_addresses()["Addresses"]
        return dict(found)

    def lead_by_hand(self, machine: str) -> None:
        """Somebody gives this machine the address."""
        allocation = self.elastic["AllocationId"]
        self.aws("ec2").associate_address(AllocationId=allocation, InstanceId=machine)

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


class RecordInBucketStage(Stage):
    """Its ledger is an object in S3, which its A record follows by a claim."""

    name: ClassVar[str] = "record, ledger in S3"

    def set_up(self) -> None:
        """As any other; the configuration names the bucket."""
        super().set_up()
        make_bucket(self)
        self.configure(r"^record  =", f'ledger = "s3://{BUCKET}"\nrecord  =')

    def ledger(self) -> str:
        """The object's text."""
        return text_in_bucket(self)

    def assert_traffic(self) -> None:
        """The claim says what the record says, too, and by this ledger."""
        super().assert_traffic()
        (claim,) = self.records()[claim_name(RECORD), "TXT"]
        assert f"ledger=s3://{BUCKET}/shop " in claim
        assert f"at={','.join(sorted(self.pointed_at()))}" in claim


class ElasticInBucketStage(ElasticStage):
    """Its ledger is an object in S3, which its Elastic IP follows."""

    name: ClassVar[str] = "elastic-ip, ledger in S3"

    def set_up(self) -> None:
        """As any other; the configuration names the bucket and the address."""
        super().set_up()
        make_bucket(self)
        kind, allocation = 'kind = "elastic-ip"', self.elastic["AllocationId"]
        self.configure(rf"^{kind}.*$", f'{kind}\nallocation = "{allocation}"')
        self.configure(r"^record  =", f'ledger = "s3://{BUCKET}"\nrecord  =')

    def ledger(self) -> str:
        """The object's text."""
        return text_in_bucket(self)
