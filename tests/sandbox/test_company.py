"""The company on its first day, and `reset`, which brings that day back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.client import BaseClient

from deployer.sandbox import shop
from deployer.sandbox.company import configuration
from deployer.sandbox.control import environment
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from deployer.sandbox.network import name_server as dns
from reconciler.config import loader
from reconciler.machine import ssh
from reconciler.machine.host_key import PublicHostKey
from reconciler.machine.shell import Command, Shell
from reconciler.machine.ssh import ClientKey, SshTarget
from reconciler.util.backoff import Backoff

AwsClient = Callable[[str], Any]


@pytest.fixture
def aws(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AwsClient:
    """Plain boto3 clients, by nothing but the sandbox's environment."""
    for name in environment.UNWANTED:
        monkeypatch.delenv(name, raising=False)
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)

    def client(service: str) -> BaseClient:
        return boto3.Session().client(service)  # type: ignore[call-overload,no-any-return]

    return client


def _live(sandbox: Sandbox, service: str = "shop") -> dict[str, str]:
    found = [one for one in sandbox.status()["instances"] if one["name"] == service]
    assert len(found) == 1
    live: dict[str, str] = found[0]
    return live


def _get(address: str, path: str, body: bytes | None = None) -> tuple[int, Any, Any]:
    """Status, headers and JSON of an answer; with a body it is a POST."""
    url = f"http://{address}:{configuration.APP_PORT}{path}"
    try:
        with urllib.request.urlopen(url, data=body, timeout=10) as reply:
            return reply.status, reply.headers, json.loads(reply.read())
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.loads(refused.read())


def _admin_url(aws: AwsClient, service: str = "shop") -> str:
    name = configuration.parameter(service)
    found = aws("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    url: str = found["Value"]
    return url


def _query(url: str, statement: bytes) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_the_live_service_serves_at_its_record(sandbox: Sandbox) -> None:
    """v1 answers at the address in DNS, from its own database."""
    name_server = sandbox.state().dns
    address = _live(sandbox)["address"]
    assert dns.resolve(name_server, f"shop.{configuration.ZONE}") == [(address, 60)]
    status, _, health = _get(address, "/healthz")
    assert status == 200
    assert (health["version"], health["database"]) == (shop.FIRST, "shop")


def test_nothing_carries_a_tag_of_ours(aws: AwsClient) -> None:
    """The company predates us: adopt has yet to be done."""
    tags = aws("ec2").describe_tags()["Tags"]
    assert {tag["Key"] for tag in tags} == {"Name"}


def test_an_order_is_acknowledged_when_it_is_kept(sandbox: Sandbox, aws: AwsClient) -> None:
    """The id in the answer is a row in the database."""
    address = _live(sandbox)["address"]
    status, _, answer = _get(address, "/orders", b'{"item": "jam", "quantity": 3}')
    assert status == 201
    found = _query(_admin_url(aws), b"SELECT id, item, quantity FROM orders WHERE item = 'jam'")
    assert found == [(answer["id"], "jam", 3)]
    assert _get(address, f"/orders/{answer['id']}")[2]["item"] == "jam"


def test_a_database_that_refuses_writes_is_a_503_to_come_back_from(
    sandbox: Sandbox, aws: AwsClient
) -> None:
    """While the service is frozen it reads, and tells writers when to try again."""
    address = _live(sandbox)["address"]
    _query(_admin_url(aws), b"REVOKE INSERT ON orders FROM shop")
    status, headers, answer = _get(address, "/orders", b"{}")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "permission denied" in answer["error"]
    assert _get(address, "/healthz")[0] == 200


def test_the_worker_runs_on_the_live_machine_alone(sandbox: Sandbox, aws: AwsClient) -> None:
    """Its rows name the machine, so a second worker would show."""
    url = _admin_url(aws)
    wait = b"SELECT pg_sleep(0.1), count(*) FROM worker_beats"
    assert any(_query(url, wait)[0][1] > 0 for _ in range(100))
    hosts = _query(url, b"SELECT DISTINCT host FROM worker_beats")
    assert hosts == [(_live(sandbox)["id"],)]


def test_the_configuration_is_one_that_we_take(sandbox: Sandbox) -> None:
    """Read by the very code that reads everybody's; the key is for its owner alone."""
    places = sandbox.places
    read = loader.load(places.config)
    service = read.service("shop")
    assert service.record == f"shop.{configuration.ZONE}"
    assert service.code.source == places.sources / "shop"
    assert configuration.key_path(places).stat().st_mode & 0o777 == 0o600
    loader.refuse_unbuilt(service)


@contextmanager
def _logged_in(sandbox: Sandbox) -> Iterator[Shell]:
    """A session with the live machine, whose host key is the one on its console."""
    live = _live(sandbox)
    logs = sandbox.logs(live["id"])
    line = next(one for one in logs.splitlines() if one.startswith("ssh-ed25519 "))
    host_key = PublicHostKey.parse(line)
    assert host_key.fingerprint == live["host_key"]
    target = SshTarget(live["address"], configuration.SSH_PORT, configuration.LOGIN_USER)
    private = configuration.key_path(sandbox.places).read_text()
    shell = ssh.connect(target, host_key, ClientKey(private), Backoff(deadline=10))
    try:
        yield shell
    finally:
        shell.close()


def test_people_log_in_with_the_companys_key(sandbox: Sandbox) -> None:
    """As ubuntu, who may become root; the host key is the one on the console."""
    live = _live(sandbox)
    assert f"shop {shop.FIRST} serves on {live['address']}" in sandbox.logs(live["id"])
    with _logged_in(sandbox) as shell:
        assert shell.run(Command("cat /srv/shop/VERSION", "version")).text == shop.FIRST
        look = Command("stat -c '%a' /etc/shop/env && id -u", "look", sudo=True)
        assert shell.run(look).text == "600\n0"
        units = Command("systemctl is-active shop shop-worker shop-cron", "units")
        assert shell.run(units).text == "active\nactive\nactive"


def test_root_of_a_machine_finds_no_key_to_the_api(sandbox: Sandbox) -> None:
    """It shares the host's network, so it reaches the API: as anybody else without the key."""
    key, root = sandbox.state().access_key, sandbox.places.root
    status = "curl -s --noproxy '*' -o /dev/null -w '%{http_code}'"
    find = f"grep -rlsF {key} /etc /home /opt /root /run /srv /tmp /var || :"
    with _logged_in(sandbox) as shell:
        assert shell.run(Command(find, "look for the key", sudo=True)).text == ""
        assert shell.run(Command(f"ls {root} || echo none", "look", sudo=True)).text == "none"
        faults = Command(f"{status} {sandbox.endpoint}/_sandbox/faults", "ask")
        assert shell.run(faults).text == "403"


def _facts(sandbox: Sandbox) -> dict[str, Any]:
    """What must be the same after a reset: all but the machines' new host keys."""
    report = sandbox.status()
    machines = [{k: v for k, v in one.items() if k != "host_key"} for one in report["instances"]]
    files = [p for top in (sandbox.places.config, sandbox.places.sources) for p in top.rglob("*")]
    texts = {str(p): p.read_bytes() for p in files if p.is_file() and ".git" not in p.parts}
    return {**report, "instances": machines, "files": texts}


def _ruin(sandbox: Sandbox, aws: AwsClient) -> None:
    """Whatever a bad day may do to a company."""
    live = _live(sandbox)
    admin = _admin_url(aws)
    _query(admin, b"DELETE FROM orders")
    _query(admin, b"CREATE DATABASE shop_20261123t031502z_7kq2m_3fa9c1 OWNER shop")
    _query(admin, b"REVOKE INSERT ON orders FROM shop")
    aws("ec2").create_image(InstanceId=live["id"], Name="left behind")
    aws("ec2").terminate_instances(InstanceIds=[live["id"]])
    aws("ssm").put_parameter(Name="/shop/db-admin-url", Value="gone", Overwrite=True)
    zone = aws("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    record = {"Name": "x.example.test", "Type": "TXT", "TTL": 5}
    change = {"Action": "CREATE", "ResourceRecordSet": record}
    record["ResourceRecords"] = [{"Value": '"x"'}]
    aws("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    (sandbox.places.config / "services" / "more.toml").write_text("nonsense")
    (sandbox.places.sources / "shop" / "VERSION").unlink()


def test_reset_brings_the_first_day_back(sandbox: Sandbox, aws: AwsClient) -> None:
    """Machines, images, records, parameters, databases, files: the same ids, the same contents."""
    before = _facts(sandbox)
    orders = _query(_admin_url(aws), b"SELECT id, item, quantity FROM orders ORDER BY id")
    _ruin(sandbox, aws)
    assert _facts(sandbox) != before
    sandbox.reset()
    assert _facts(sandbox) == before
    admin = _admin_url(aws)
    assert _query(admin, b"SELECT id, item, quantity FROM orders ORDER BY id") == orders
    assert len(aws("ec2").describe_images(Owners=["self"])["Images"]) == 1
    assert _get(_live(sandbox)["address"], "/orders", b"{}")[0] == 201


def test_reset_keeps_what_clients_hold_on_to(sandbox: Sandbox) -> None:
    """An environment, a key and a state that were read before are good after."""
    key = configuration.key_path(sandbox.places).read_bytes()
    before = sandbox.environment(), sandbox.state()
    sandbox.reset()
    assert (sandbox.environment(), sandbox.state()) == before
    assert configuration.key_path(sandbox.places).read_bytes() == key


def test_the_sandboxs_own_looks_neither_meet_faults_nor_use_them_up(sandbox: Sandbox) -> None:
    """A fault is for the client it was set for, and the journal tells of clients alone."""
    faults = sandbox.faults()
    faults.set("*", "throttle")
    assert _live(sandbox)["state"] == "running"
    assert len(faults.list()["rules"]) == 1
    assert faults.requests() == []


def test_reset_ends_faults(sandbox: Sandbox) -> None:
    """A test's bad day is not the next one's."""
    faults = sandbox.faults()
    faults.set("DescribeInstances", "throttle", times=0)
    sandbox.reset()
    assert faults.list()["rules"] == []


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox with two services."""
    one = Sandbox.at(tmp_path / "box")
    try:
        one.up(Options(two_services=True, owner=os.getpid()))
        yield one
    finally:
        one.down()


def test_two_services_share_a_database_server(two: Sandbox) -> None:
    """Each has its machine, its record, its own database on the one server."""
    report = two.status()
    assert [one["name"] for one in report["instances"]] in (["blog", "shop"], ["shop", "blog"])
    assert report["databases"] == ["blog", "shop"]
    for service in ("shop", "blog"):
        _, _, health = _get(_live(two, service)["address"], "/healthz")
        assert health["database"] == service
    assert sorted(loader.load(two.places.config).services) == ["blog", "shop"]
    before = _facts(two)
    two.reset()
    assert _facts(two) == before  # the very first day has the ids of all later ones


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs every other test as one")
def test_it_works_for_an_ordinary_user(tmp_path: Path) -> None:
    """Root stands in for one: a user namespace in which we are uid 1000, without privileges."""
    box = tmp_path / "box"
    ordinary = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "sh", "-euc"]
    script = 'id -u; "$0" -m deployer.sandbox up; "$0" -m deployer.sandbox status --json'
    try:
        done = subprocess.run(
            [*ordinary, script, sys.executable],
            env={**os.environ, "SANDBOX_DIR": str(box)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        uid, _, report = done.stdout.partition("\n")
        assert uid == "1000"
        [machine] = json.loads(report)["instances"]
        assert _get(machine["address"], "/healthz")[0] == 200
    finally:
        Sandbox.at(box).down()
    assert not box.exists()
