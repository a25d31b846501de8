"""Brings a Django project to the sandbox, releases it there, and goes back: docs/own-service.md.

    PYTHONPATH=. .venv/bin/python scripts/try_django.py ~/mysite --lib /tmp/mysite-lib

PROJECT is a folder with a manage.py; of a git repository HEAD is released. LIB holds what it needs
beside psycopg (`pip install --target LIB -r requirements.txt`); it is copied to the first machine,
and later machines are copies of that one. Nothing of the project is changed: a settings module
beside it reads DATABASE_URL. The sandbox stays, to look around.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import paramiko
import psycopg
import yaml
from psycopg.sql import SQL, Identifier

from deployer.sandbox.company.bare_account import ADMIN_URL
from deployer.sandbox.company.configuration import KEY_NAME, LOGIN_USER, SSH_PORT
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.environment import ACCOUNT, REGION
from deployer.sandbox.control.options import Options
from scripts.django_files import CONFIG, SETTINGS, UNIT

ZONE = "own.test"
PORT = 8000
PATIENCE = 60.0
"""Seconds until the machine listens, and until the app answers."""


@dataclass(frozen=True)
class Project:
    """What is tried: its folder, its packages, and the path that its smoke test asks for."""

    folder: Path
    lib: Path | None
    smoke: str
    name: str

    @property
    def settings(self) -> str:
        """The settings module that manage.py names."""
        text = (self.folder / "manage.py").read_text(encoding="utf-8")
        found = re.search(r"DJANGO_SETTINGS_MODULE['\"],\s*['\"]([\w.]+)", text)
        if found is None:
            raise SystemExit(f"{self.folder}/manage.py names no DJANGO_SETTINGS_MODULE")
        return found[1]


@dataclass(frozen=True)
class Cloud:
    """The sandbox, as a person with its keys sees it."""

    sandbox: Sandbox

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        state = self.sandbox.state()
        session: Any = boto3.Session(state.access_key, state.secret_key, region_name=REGION)
        return session.client(service, endpoint_url=state.endpoint)

    def run(self, *command: str) -> None:
        """Run one of our commands as pasted; its failure ends this script with its exit code."""
        print(f"\n$ {shlex.join(command)}", flush=True)
        program = str(Path(sys.executable).with_name(command[0]))
        environment = self.sandbox.process_environment()
        done = subprocess.run([program, *command[1:]], env=environment, check=False)
        if done.returncode:
            raise SystemExit(done.returncode)


def main(arguments: Sequence[str] | None = None) -> None:
    """Set up, adopt, release twice, go back."""
    project, directory = _read(arguments)
    cloud = Cloud(Sandbox.at(directory))
    cloud.sandbox.up(Options(empty=True))
    url = _database(cloud, project.name)
    instance, address = _machine(cloud, project, url)
    key = _host_key(cloud, instance)
    with _session(cloud, address, key) as session:
        _install(session, project)
    _await_answer(address)
    _point(cloud, project.name, address)
    _configure(cloud, project)
    fingerprint = f"ssh-ed25519 {key.get_base64()}"
    cloud.run("deployer", "adopt", project.name, "--host-key", fingerprint, "--yes")
    cloud.run("deployer", "doctor", project.name)
    cloud.run("deployer", "up", project.name)
    cloud.run("deployer", "status", project.name)
    cloud.run("deployer", "rollback", project.name, "--discard-writes")
    cloud.run("reconciler", "sweep")
    where = f" --dir {directory}" if directory else ""
    print(f'\nTo look around    eval "$(deployer sandbox env{where})"')
    print(f"To end it         deployer sandbox down{where}")


def _read(arguments: Sequence[str] | None) -> tuple[Project, Path | None]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="the folder with manage.py")
    parser.add_argument("--lib", type=Path, help="its Python packages (pip install --target)")
    parser.add_argument("--smoke", default="/", help="a path that answers with 200")
    parser.add_argument("--name", default="mysite", help="the service's name")
    parser.add_argument("--dir", type=Path, help="of the sandbox, as of `sandbox up`")
    given = parser.parse_args(arguments)
    if not (given.project / "manage.py").is_file():
        parser.error(f"there is no manage.py in {given.project}")
    return Project(given.project.resolve(), given.lib, given.smoke, given.name), given.dir


def _database(cloud: Cloud, name: str) -> str:
    """A role and its empty database, as a person makes them; returns the application's URL."""
    parameter = cloud.client("ssm").get_parameter(Name=ADMIN_URL, WithDecryption=True)
    admin = parameter["Parameter"]["Value"]
    password = secrets.token_hex(12)
    with psycopg.connect(admin, autocommit=True) as session:
        role = Identifier(name)
        session.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        session.execute(SQL("GRANT {} TO CURRENT_USER").format(role))
        session.execute(SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        where = session.info
        return f"postgresql://{name}:{password}@{where.host}:{where.port}/{name}"


def _machine(cloud: Cloud, project: Project, url: str) -> tuple[str, str]:
    """The first machine, with the unit and the environment of the app; its id and address."""
    ec2 = cloud.client("ec2")
    group = ec2.create_security_group(GroupName=project.name, Description="SSH and HTTP")["GroupId"]
    for port in (SSH_PORT, PORT):
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0"
        )
    [made] = ec2.run_instances(
        ImageId=cloud.sandbox.state().base_image,
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        KeyName=KEY_NAME,
        SecurityGroupIds=[group],
        UserData=_user_data(project, url),
    )["Instances"]
    ec2.get_waiter("instance_running").wait(
        InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1}
    )
    return made["InstanceId"], made["PrivateIpAddress"]


def _user_data(project: Project, url: str) -> str:
    name = project.name
    variables = {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "sandbox_settings",
        "PYTHONPATH": f"/srv/{name}:/srv/{name}/lib",
    }
    env = "".join(f"{key}={value}\n" for key, value in variables.items())
    files = [
        {"path": f"/etc/{name}/env", "permissions": "0600", "content": env},
        {
            "path": f"/srv/{name}/sandbox_settings.py",
            "content": SETTINGS.format(settings=project.settings),
        },
        {
            "path": f"/etc/systemd/system/{name}.service",
            "content": UNIT.format(name=name, port=PORT),
        },
    ]
    return "#cloud-config\n" + yaml.safe_dump({"write_files": files})


def _host_key(cloud: Cloud, instance: str) -> paramiko.PKey:
    """The key that the machine shows on its console."""
    text = cloud.client("ec2").get_console_output(InstanceId=instance)["Output"]
    found = re.findall(r"^ssh-ed25519 (\S+)", text, re.MULTILINE)
    return paramiko.PKey.from_type_string("ssh-ed25519", base64.b64decode(found[-1]))


def _session(cloud: Cloud, address: str, key: paramiko.PKey) -> paramiko.SSHClient:
    session = paramiko.SSHClient()
    session.get_host_keys().add(f"[{address}]:{SSH_PORT}", "ssh-ed25519", key)
    private = cloud.sandbox.places.config / "ssh" / "id_ed25519"
    session.connect(
        address,
        SSH_PORT,
        LOGIN_USER,
        key_filename=str(private),
        allow_agent=False,
        look_for_keys=False,
        timeout=PATIENCE,
    )
    return session


def _install(session: paramiko.SSHClient, project: Project) -> None:
    """Copy code and packages, migrate the empty database, start the app."""
    name = project.name
    parts: Mapping[str, Path | None] = {"code": project.folder, "lib": project.lib}
    for part, folder in parts.items():
        command = f"sudo mkdir -p /srv/{name}/{part} && sudo tar xzf - -C /srv/{name}/{part}"
        _on(session, command, _archive(folder) if folder else _archive(None))
    _on(
        session,
        f"set -a && . /etc/{name}/env && cd /srv/{name}/code && "
        "python3 manage.py migrate --noinput && "
        f"sudo systemctl daemon-reload && sudo systemctl enable --now {name}",
    )


def _archive(folder: Path | None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        if folder is not None:
            archive.add(folder, arcname=".", filter=_wanted)
    return packed.getvalue()


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(entry.name).parts
    return None if {".git", "__pycache__", ".venv"} & set(parts) else entry


def _on(session: paramiko.SSHClient, command: str, stdin: bytes = b"") -> None:
    """Run a command on the machine; what it printed where it fails."""
    into, out, errors = session.exec_command(command)
    into.write(stdin)
    into.channel.shutdown_write()
    said = out.read() + errors.read()
    if out.channel.recv_exit_status():
        raise SystemExit(f"{command}:\n{said.decode(errors='replace')}")


def _await_answer(address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((address, PORT), timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing listens at {address}:{PORT}") from None
            time.sleep(0.1)
        else:
            return


def _point(cloud: Cloud, name: str, address: str) -> None:
    """A hosted zone, and the service's record in it."""
    route53 = cloud.client("route53")
    made = route53.create_hosted_zone(Name=ZONE, CallerReference=secrets.token_hex(8))
    record = {"Name": f"{name}.{ZONE}", "Type": "A", "TTL": 60}
    record["ResourceRecords"] = [{"Value": address}]
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(
        HostedZoneId=made["HostedZone"]["Id"], ChangeBatch={"Changes": changes}
    )


def _configure(cloud: Cloud, project: Project) -> None:
    """Write the service's file, and show it."""
    config = cloud.sandbox.places.config
    text = CONFIG.format(
        name=project.name,
        project=project.folder,
        smoke=project.smoke,
        zone=ZONE,
        account=ACCOUNT,
        region=REGION,
        admin=ADMIN_URL,
        port=PORT,
        user=LOGIN_USER,
        ssh_port=SSH_PORT,
        key=config / "ssh" / "id_ed25519",
    )
    path = config / "services" / f"{project.name}.toml"
    path.write_text(text, encoding="utf-8")
    print(f"\n{path}:\n\n{text}")


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
