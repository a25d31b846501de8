"""What runs in a sandbox, as one JSON-ready value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.control.state import SandboxState
from deployer.sandbox.network import name_server
from deployer.sandbox.postgres.company_databases import Databases
from reconciler.machine.host_key import PublicHostKey, parse_pinned
from reconciler.model.tags import HOST_KEY

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

_ED25519 = re.compile(r"^ssh-ed25519 [A-Za-z0-9+/=]+", re.MULTILINE)


@dataclass(frozen=True)
class StatusReader:
    """Reads through the sandbox's own API, so it sees what any client sees."""

    cloud: AwsClients
    databases: Databases | None = None

    def report(self, state: SandboxState) -> dict[str, Any]:
        """Instances, records, databases, addresses."""
        return {
            "directory": state.directory,
            "pid": state.pid,
            "phase": state.phase,
            "endpoint": state.endpoint,
            "network": f"127.{state.network}.0.0/16",
            "dns": f"{state.dns}:{name_server.PORT}",
            "base_image": state.base_image,
            "instances": self._instances(),
            "records": self._records(),
            "balancers": self._balancers(),
            "databases": self.databases.names() if self.databases else [],
            "database_host": self.databases.server.superuser.host if self.databases else "",
        }

    def _instances(self) -> list[dict[str, str]]:
        pages = self.cloud.ec2.get_paginator("describe_instances").paginate()
        found = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
        return sorted((self._instance(i) for i in found), key=lambda one: one["id"])

    def _instance(self, instance: InstanceTypeDef) -> dict[str, str]:
        tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
        state = instance["State"]["Name"]
        return {
            "id": instance["InstanceId"],
            "name": tags.get("Name", ""),
            "state": state,
            "address": instance.get("PrivateIpAddress", ""),
            "public": instance.get("PublicIpAddress", ""),
            "deploy": tags.get("deploy-id", ""),
            "host_key": self._host_key(instance["InstanceId"], tags) if state == "running" else "",
        }

    def _host_key(self, instance: str, tags: Mapping[str, str]) -> str:
        """The fingerprint of its host key, by its tag, else on its console; empty if none."""
        if HOST_KEY in tags:
            return parse_pinned(tags[HOST_KEY]).fingerprint
        output = self.cloud.ec2.get_console_output(InstanceId=instance).get("Output", "")
        found = _ED25519.search(output)
        return PublicHostKey.parse(found.group()).fingerprint if found else ""

    def _balancers(self) -> list[dict[str, Any]]:
        """Name, address and listeners of every balancer, with the weights of their actions."""
        elbv2 = self.cloud.elbv2
        return [
            {
                "name": one["LoadBalancerName"],
                "dns": one["DNSName"],
                "listeners": [
                    {"port": listener["Port"], "weights": _weights(listener)}
                    for listener in elbv2.describe_listeners(
                        LoadBalancerArn=one["LoadBalancerArn"]
                    )["Listeners"]
                ],
            }
            for one in elbv2.describe_load_balancers()["LoadBalancers"]
        ]

    def _records(self) -> list[dict[str, Any]]:
        route53 = self.cloud.route53
        zones = route53.list_hosted_zones()["HostedZones"]
        return [
            {
                "name": record["Name"],
                "type": record["Type"],
                "ttl": record.get("TTL"),
                "values": [value["Value"] for value in record.get("ResourceRecords", [])],
                "alias": record.get("AliasTarget", {}).get("DNSName", ""),
            }
            for zone in zones
            for page in route53.get_paginator("list_resource_record_sets").paginate(
                HostedZoneId=zone["Id"]
            )
            for record in page["ResourceRecordSets"]
            if record["Type"] not in ("NS", "SOA")
        ]


def _weights(listener: Any) -> dict[str, int]:
    """Weight by group name of a listener's default action."""
    return {
        group["TargetGroupArn"].split("/")[1]: group["Weight"]
        for action in listener["DefaultActions"]
        for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
    }
