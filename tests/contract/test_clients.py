"""Other people's clients of AWS against the sandbox: the AWS CLI, Ansible's amazon.aws, Custodian.

`make second-opinion` installs them in an environment of their own (requirements-clients.lock) and
runs this; elsewhere it is skipped. The machines are of paper.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from mypy_boto3_ec2 import EC2Client

from deployer.sandbox.aws import AwsServer
from tests.contract.helpers import Launch, tag_specs, wait_for_state

CLIENTS = os.environ.get("CLIENTS_BIN", "")

pytestmark = pytest.mark.skipif(
    not CLIENTS, reason="the AWS CLI, Ansible and Custodian are not installed: make second-opinion"
)

ZONE_NAME = "clients.test"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - amazon.aws.ec2_security_group:
        name: web
        description: HTTP
        rules: [{proto: tcp, ports: [80], cidr_ip: 0.0.0.0/0}]
      register: group
    - amazon.aws.ec2_instance:
        name: web-1
        image_id: "{{ image }}"
        instance_type: t3.micro
        security_group: "{{ group.group_id }}"
        vpc_subnet_id: "{{ subnet }}"
        state: running
        wait: true
    - amazon.aws.ec2_instance_info:
        filters: {"tag:Name": web-1, instance-state-name: running}
      register: found
    - ansible.builtin.assert:
        that:
          - found.instances | length == 1
          - found.instances[0].ena_support
    - amazon.aws.route53_zone: {zone: clients.test}
    - amazon.aws.route53:
        state: present
        zone: clients.test
        record: www.clients.test
        type: A
        ttl: 60
        value: [192.0.2.1]
    - amazon.aws.ec2_ami_info: {owners: [self]}
    - amazon.aws.ec2_vol_info: {}
    - amazon.aws.ec2_eni_info: {}
"""
POLICIES: dict[str, Any] = {
    "policies": [
        {
            "name": "mark-web",
            "resource": "aws.ec2",
            "filters": [{"tag:Name": "web-1"}, {"State.Name": "running"}],
            "actions": [{"type": "tag", "key": "owner", "value": "web"}],
        },
        {"name": "loose-disks", "resource": "aws.ebs", "filters": [{"Attachments": []}]},
        {"name": "unused-groups", "resource": "aws.security-group", "filters": ["unused"]},
        {
            "name": "old-images",
            "resource": "aws.ami",
            "filters": [{"type": "image-age", "days": 1}],
        },
        {"name": "zones", "resource": "aws.hostedzone"},
    ]
}


def run(server: AwsServer, home: Path, *command: str) -> str:
    """What one of their programs prints; it must end with 0."""
    environment = {
        "PATH": f"{CLIENTS}:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    argv = [f"{CLIENTS}/{command[0]}", *command[1:]]
    done = subprocess.run(
        argv, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def aws(server: AwsServer, home: Path, line: str) -> Any:
    """The answer to a line of the AWS CLI."""
    said = run(server, home, "aws", *line.split(), "--output", "json")
    return json.loads(said) if said.strip() else None


def test_the_aws_cli(server: AwsServer, ec2: EC2Client, image: str, tmp_path: Path) -> None:
    """A machine from its launch to its end, and what a person looks at."""
    line = f"ec2 run-instances --image-id {image} --instance-type t3.micro --count 1"
    [made] = aws(server, tmp_path, line)["Instances"]
    aws(server, tmp_path, f"ec2 wait instance-running --instance-ids {made['InstanceId']}")
    [shown] = aws(server, tmp_path, f"ec2 describe-instances --instance-ids {made['InstanceId']}")[
        "Reservations"
    ]
    assert shown["Instances"][0]["PlatformDetails"] == "Linux/UNIX"
    zone = aws(
        server, tmp_path, f"route53 create-hosted-zone --name {ZONE_NAME} --caller-reference a"
    )["HostedZone"]["Id"]
    asked = f"route53 test-dns-answer --hosted-zone-id {zone} --record-name {ZONE_NAME}"
    assert aws(server, tmp_path, f"{asked} --record-type SOA")["ResponseCode"] == "NOERROR"
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    for more in (
        "sts get-caller-identity",
        "ec2 describe-security-groups",
        f"ec2 describe-security-group-references --group-id {group}",
        "ec2 get-ebs-default-kms-key-id",
        "ec2 describe-volumes",
        "ec2 describe-snapshots --owner-ids self",
        "ec2 describe-images --owners self",
        "ec2 describe-addresses",
        "pricing get-products --service-code AmazonEC2 --max-items 1 --region us-east-1",
        "route53 list-hosted-zones",
        "elbv2 describe-load-balancers",
    ):
        assert aws(server, tmp_path, more) is not None
    aws(server, tmp_path, f"ec2 terminate-instances --instance-ids {made['InstanceId']}")
    aws(server, tmp_path, f"ec2 wait instance-terminated --instance-ids {made['InstanceId']}")


def test_ansible(server: AwsServer, ec2: EC2Client, image: str, tmp_path: Path) -> None:
    """A group, a machine, a zone and a record; played again, nothing changes."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    given = json.dumps(
        {
            "image": image,
            "subnet": subnet,
            "ansible_python_interpreter": f"{CLIENTS}/python",
        }
    )
    asked = ("ansible-playbook", "-i", "localhost,", "-e", given, str(play))
    first, second = run(server, tmp_path, *asked), run(server, tmp_path, *asked)
    assert "changed=4" in first, first
    assert "changed=0" in second, second


def test_custodian(server: AwsServer, ec2: EC2Client, launch: Launch, tmp_path: Path) -> None:
    """What its filters find of machines, disks, groups, images, zones; and a tag that it sets."""
    named: Any = tag_specs({"Name": "web-1"}, "instance")
    (machine,) = launch(1, TagSpecifications=named)
    wait_for_state(ec2, machine, "running")
    policies = tmp_path / "policies.yml"
    policies.write_text(yaml.safe_dump(POLICIES))
    run(server, tmp_path, "custodian", "run", "-s", "out", "--region", "eu-west-1", str(policies))
    found = {
        path.parent.name: json.loads(path.read_text())
        for path in (tmp_path / "out").glob("*/resources.json")
    }
    assert set(found) == {one["name"] for one in POLICIES["policies"]}
    assert [one["InstanceId"] for one in found["mark-web"]] == [machine]
    tagged: Any = [{"Name": "tag:owner", "Values": ["web"]}]
    shown = ec2.describe_instances(Filters=tagged)["Reservations"]
    assert [one["Instances"][0]["InstanceId"] for one in shown] == [machine]


def test_they_are_the_locked_ones(server: AwsServer, tmp_path: Path) -> None:
    """What is installed is what the lock says."""
    lock = Path(__file__).parents[2] / "requirements-clients.lock"
    locked = dict(
        line.split(" ")[0].split("==") for line in lock.read_text().splitlines() if "==" in line
    )
    assert locked["awscli"] in run(server, tmp_path, "aws", "--version")
    assert locked["c7n"] in run(server, tmp_path, "custodian", "version")
    assert sys.version_info >= (3, 11)
