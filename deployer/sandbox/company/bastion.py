"""The company's bastion, for the shape `private`: the one machine that is reached from outside."""

from __future__ import annotations

from typing import Any

import yaml

from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.control.environment import BASTION
from reconciler.machine.host_key import HostKey


def launch(cloud: AwsClients, image: str, host_key: HostKey, network: dict[str, Any]) -> str:
    """Start it with a known host key; returns its address."""
    name: Any = {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": BASTION}]}
    keys = {"ed25519_private": host_key.private, "ed25519_public": host_key.public.tag_value}
    user_data = "#cloud-config\n" + yaml.safe_dump({"ssh_deletekeys": True, "ssh_keys": keys})
    instance = cloud.ec2.run_instances(
        ImageId=image,
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        UserData=user_data,
        TagSpecifications=[name],
        **network,
    )["Instances"][0]
    return str(instance["PrivateIpAddress"])
