"""The company's configuration, written as its staff would have written it."""

from __future__ import annotations

import shutil
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deployer.sandbox.control.environment import ACCOUNT, REGION
from deployer.sandbox.control.options import BALANCED, RECORD, WITH_ELASTIC_IP
from deployer.sandbox.control.state import Places

APP_PORT = 8080
SSH_PORT = 2222
LOGIN_USER = "ubuntu"
ZONE = "example.test"
KEY_NAME = "company"

_SERVICE = """\
# How {name} is released.
record  = "{name}.{zone}"
account = "{account}"
region  = "{region}"
files   = "none"                 # nobody uploads photos to it
keep    = 2

[code]
source  = "{source}"
path    = "/srv/shop"
install = ["./bin/install"]

[app]
units    = ["shop"]
jobs     = ["shop-cron", "shop-worker"]
env_file = "/etc/shop/env"

[database]
engine   = "postgres"
admin    = "ssm:{parameter}"
app_role = "{name}"
migrate  = ["./bin/migrate"]
copy     = "always"
writes   = "freeze"

[[smoke]]
http   = "/healthz"
expect = 200
port   = {app_port}
tries  = 5
every  = "1s"

{traffic}[ssh]
user = "{user}"
port = {ssh_port}
key  = "file:{key}"
"""

_BALANCER = """\
[traffic]
kind = "target-group"            # the record is an alias of a load balancer

"""
_ELASTIC = """\
[traffic]
kind = "elastic-ip"              # the record names the Elastic IP of the live machine

"""
_TRAFFIC = dict.fromkeys(BALANCED, _BALANCER) | dict.fromkeys(WITH_ELASTIC_IP, _ELASTIC)

_RECONCILER = """\
# What the sweep may touch.
accounts = ["{account}"]
regions  = ["{region}"]
"""


_BASTION = """\
via  = "bastion"

[[ssh.bastion]]
host     = "{host}"
port     = {ssh_port}
user     = "{user}"
host_key = "{host_key}"
"""


def parameter(service: str) -> str:
    """The SSM parameter that holds the service's administrator URL."""
    return f"/{service}/db-admin-url"


def key_path(places: Places) -> Path:
    """The private half of the company's SSH key."""
    return places.config / "ssh" / "id_ed25519"


def public_key(places: Places) -> str:
    """The public half, as one OpenSSH line."""
    return key_path(places).with_suffix(".pub").read_text().strip()


def write_config(places: Places, services: tuple[str, ...], shape: str = RECORD) -> None:
    """Write `config/` in its initial state; an existing SSH key is kept."""
    _write_key(key_path(places))
    directory = places.config / "services"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for service in services:
        text = _service(places, service, _TRAFFIC.get(shape, ""))
        (directory / f"{service}.toml").write_text(text)
    words = _RECONCILER.format(account=ACCOUNT, region=REGION)
    (places.config / "reconciler.toml").write_text(words)


def go_through(places: Places, services: tuple[str, ...], host: str, host_key: str) -> None:
    """Write into each service's file that its machines are behind a bastion."""
    hop = _BASTION.format(host=host, host_key=host_key, ssh_port=SSH_PORT, user=LOGIN_USER)
    for service in services:
        with (places.config / "services" / f"{service}.toml").open("a") as file:
            file.write(hop)


def _service(places: Places, name: str, traffic: str) -> str:
    return _SERVICE.format(
        name=name,
        traffic=traffic,
        zone=ZONE,
        account=ACCOUNT,
        region=REGION,
        source=places.sources / "shop",
        parameter=parameter(name),
        app_port=APP_PORT,
        user=LOGIN_USER,
        ssh_port=SSH_PORT,
        key=key_path(places),
    )


def _write_key(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    path.touch(mode=0o600)
    path.write_bytes(private)
    path.with_suffix(".pub").write_bytes(public + b" company\n")
