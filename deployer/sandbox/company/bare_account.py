"""A sandbox for a service of one's own: a server, a key and a configuration without a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployer.sandbox.company import configuration
from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.control.state import Places
from deployer.sandbox.postgres.company_databases import ADMIN, Databases

ADMIN_URL = "/sandbox/db-admin-url"
"""The SSM parameter with the URL of the database server's administrator."""


@dataclass(frozen=True)
class BareAccount:
    """The inputs for an account without zone, network and machines."""

    places: Places
    databases: Databases
    cloud: AwsClients

    def prepare(self) -> None:
        """Write the configuration and the SSH key; create the administrator's role."""
        configuration.write_config(self.places, ())
        self.databases.create()

    def restores(self) -> tuple[Callable[[], None], ...]:
        """What restores the databases. The configuration is its owner's, and stays."""
        return (self.databases.restore,)

    def seed(self) -> str:
        """Store the administrator's URL and the key pair; there is no zone yet."""
        self.cloud.ssm.put_parameter(
            Name=ADMIN_URL,
            Value=self.databases.login(ADMIN).url("postgres"),
            Type="SecureString",
        )
        public = configuration.public_key(self.places).encode()
        self.cloud.ec2.import_key_pair(KeyName=configuration.KEY_NAME, PublicKeyMaterial=public)
        return ""
