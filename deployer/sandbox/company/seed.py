"""The company's initial state: a running service, set up by hand, before any deployer.

Everything goes through the sandbox's own API, as a person would do it, and the live machine is set
up by its user data. No resource has one of our tags: they were created before the deployer.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml

from deployer.sandbox import shop
from deployer.sandbox.company import bastion, configuration, load_balancer
from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.control.options import BALANCED, HIDDEN, RECORD, WITH_ELASTIC_IP
from deployer.sandbox.control.state import Places
from deployer.sandbox.postgres.company_databases import ADMIN, Databases
from deployer.sandbox.postgres.server import Login, install_directory
from reconciler.errors import ToolError
from reconciler.machine.host_key import HostKey, make_host_key

_FIRST_ORDERS = (("tea", 2), ("biscuits", 1), ("kettle", 1))


@dataclass(frozen=True)
class Company:
    """The inputs for building the initial state, and for building it again."""

    places: Places
    databases: Databases
    base_image: str
    cloud: AwsClients
    shape: str = RECORD
    healthy_seconds: float = 60.0
    bastion_key: HostKey = field(default_factory=make_host_key)

    def prepare(self) -> None:
        """Build what is built once per sandbox: sources, configuration, contents of databases."""
        shop.write_repository(self._first_sources)
        self.write_files()
        self.databases.create()
        for service in self.databases.services:
            _fill(self.databases.login(service), self.places)
        self.databases.remember()

    def write_files(self) -> None:
        """Write the company's sources and configuration in their initial state."""
        shutil.rmtree(self.places.sources, ignore_errors=True)
        shutil.copytree(self._first_sources, self.places.sources / "shop", symlinks=True)
        configuration.write_config(self.places, self.databases.services, self.shape)

    @property
    def _first_sources(self) -> Path:
        """A copy of the written sources: copying a repository is faster than building it."""
        return self.places.kept / "shop"

    def restores(self) -> tuple[Callable[[], None], ...]:
        """Functions that restore databases and files; the two may run in parallel."""
        return self.databases.restore, self.write_files

    def seed(self) -> str:
        """Set up zone, network and machines in an empty account; returns the zone id.

        The calls are sequential, so that the ids are the same every time.
        """
        zone = self._zone()
        network = self._network()
        for service in self.databases.services:
            self._store_admin_url(service)
        machines = [self._launch(service, network) for service in self.databases.services]
        for machine in machines:
            self._await_health(*machine)
        for service, (instance, address) in zip(self.databases.services, machines, strict=True):
            name = f"{service}.{configuration.ZONE}"
            if self.shape in BALANCED:
                self._point(name, zone, load_balancer.set_up(self.cloud, service, instance))
            else:
                at = self._elastic(instance) if self.shape in WITH_ELASTIC_IP else address
                answers = [{"Value": at}]
                self._point(name, zone, {"TTL": 60, "ResourceRecords": answers})
        if self.shape in HIDDEN:
            self._set_up_bastion(network)
        return zone

    def _set_up_bastion(self, network: dict[str, Any]) -> None:
        """A machine whose SSH server forwards; no client reaches the others in another way."""
        address = bastion.launch(self.cloud, self.base_image, self.bastion_key, network)
        key = self.bastion_key.public.tag_value
        configuration.go_through(self.places, self.databases.services, address, key)

    def _zone(self) -> str:
        answer = self.cloud.route53.create_hosted_zone(
            Name=configuration.ZONE, CallerReference="first"
        )
        return answer["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def _network(self) -> dict[str, Any]:
        """Subnet, security group and key pair, as arguments of RunInstances."""
        ec2 = self.cloud.ec2
        default: Any = {"Name": "default-for-az", "Values": ["true"]}
        subnets = ec2.describe_subnets(Filters=[default])["Subnets"]
        subnet = min(subnets, key=lambda one: one["AvailabilityZone"])
        # The company serves inside its own network: a public address must be requested.
        ec2.modify_subnet_attribute(
            SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": False}
        )
        group = ec2.create_security_group(
            GroupName="company", Description="SSH and the services", VpcId=subnet["VpcId"]
        )["GroupId"]
        for port in (configuration.SSH_PORT, configuration.APP_PORT):
            ec2.authorize_security_group_ingress(
                GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="127.0.0.0/8"
            )
        public = configuration.public_key(self.places).encode()
        ec2.import_key_pair(KeyName=configuration.KEY_NAME, PublicKeyMaterial=public)
        return {
            "SubnetId": subnet["SubnetId"],
            "SecurityGroupIds": [group],
            "KeyName": configuration.KEY_NAME,
        }

    def _store_admin_url(self, service: str) -> None:
        self.cloud.ssm.put_parameter(
            Name=configuration.parameter(service),
            Value=self.databases.login(ADMIN).url(service),
            Type="SecureString",
        )

    def _launch(self, service: str, network: dict[str, Any]) -> tuple[str, str]:
        """Start a live v1 of `service`; returns its id and address."""
        name: Any = {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": service}]}
        instance = self.cloud.ec2.run_instances(
            ImageId=self.base_image,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            UserData=_user_data(self.databases.login(service).url(service)),
            TagSpecifications=[name],
            **(_in_public(network) if self.shape in WITH_ELASTIC_IP else network),
        )["Instances"][0]
        return instance["InstanceId"], instance["PrivateIpAddress"]

    def _elastic(self, instance: str) -> str:
        """An Elastic IP of this machine, as a partner's firewall knows it."""
        made = self.cloud.ec2.allocate_address(Domain="vpc")
        self.cloud.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=instance)
        return made["PublicIp"]

    def _point(self, name: str, zone: str, answers: dict[str, Any]) -> None:
        record: Any = {"Name": name, "Type": "A", **answers}
        self.cloud.route53.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
        )

    def _await_health(self, instance: str, address: str) -> None:
        deadline = time.monotonic() + self.healthy_seconds
        while not _healthy(address):
            if time.monotonic() > deadline:
                answer = self.cloud.ec2.get_console_output(InstanceId=instance)
                message = f"the live machine {instance} does not serve"
                raise ToolError(message, detail=answer.get("Output", ""))
            time.sleep(0.01)


def _in_public(network: dict[str, Any]) -> dict[str, Any]:
    """The arguments of RunInstances for a machine with a public address."""
    interface = {
        "DeviceIndex": 0,
        "AssociatePublicIpAddress": True,
        "SubnetId": network["SubnetId"],
        "Groups": network["SecurityGroupIds"],
    }
    return {"NetworkInterfaces": [interface], "KeyName": network["KeyName"]}


def _healthy(address: str) -> bool:
    connection = http.client.HTTPConnection(address, configuration.APP_PORT, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    return False


def _user_data(database_url: str) -> str:
    """Cloud-config that turns a bare machine into the live v1."""
    code = base64.b64encode(_archive()).decode()
    files = [
        {
            "path": "/etc/shop/env",
            "permissions": "0600",
            "content": f"DATABASE_URL={database_url}\n",
        },
        {"path": "/srv/shop.tar.gz", "encoding": "b64", "content": code},
    ]
    commands = [
        "mkdir -p /srv/shop && tar xzf /srv/shop.tar.gz -C /srv/shop",
        "rm /srv/shop.tar.gz",
        "/srv/shop/bin/install",
        "systemctl enable --now shop shop-worker shop-cron",
    ]
    return "#cloud-config\n" + yaml.safe_dump({"write_files": files, "runcmd": commands})


def _archive() -> bytes:
    """The tree of v1 as a .tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in shop.tree(shop.FIRST).files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), shop.mode(path)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _fill(login: Login, places: Places) -> None:
    """Migrate an empty database to v1 with v1's own command, and place the first orders."""
    url = login.url(login.role)
    with tempfile.TemporaryDirectory(dir=places.sources) as tree:
        shop.write_version(Path(tree), shop.FIRST)
        subprocess.run(
            [sys.executable, "-m", "shop.migrate"],
            cwd=tree,
            env={
                **os.environ,
                "DATABASE_URL": url,
                "LD_LIBRARY_PATH": str(install_directory() / "lib"),
            },
            stdout=subprocess.DEVNULL,
            check=True,
        )
    with psycopg.connect(url) as session:
        place = "INSERT INTO orders (item, quantity) VALUES (%s, %s)"
        session.cursor().executemany(place, _FIRST_ORDERS)
