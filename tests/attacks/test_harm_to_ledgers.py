"""Whose ledger it is: what each attack did to production before rules 12 to 14 were kept.

Each test does what the messages suggest, whatever the exit codes, and then looks at production
alone. So it fails on the versions that harmed it (CONTRIBUTING, "See a test fail on an older
version"; outcomes in docs/bad-days.md).
"""

from __future__ import annotations

import base64
import re
import signal
from pathlib import Path

import pytest

from tests.e2e.probes import is_active, live_instance, resources_of, wait_for
from tests.e2e.test_copied_databases import execute, tool
from tests.e2e.test_ledger_homes import WWW, Other
from tests.e2e.test_public_addresses import in_the_open
from tests.e2e.zone import change_record, delete_record, let_time_pass, said
from tests.support.company import RECORD, Company, Json, ask

pytestmark = pytest.mark.timeout(900)


def orders_at(address: str) -> int:
    """The status that a client with this address gets for an order."""
    return ask(address, "/orders", b"{}")[0]


def machine_of_its_own(company: Company) -> None:
    """Another shop, made as the first was, with a database and a name of its own."""
    first, ec2 = live_instance(company), company.aws("ec2")
    execute(company, "CREATE DATABASE shop_b OWNER shop")
    dump = tool("pg_dump", company.admin_url("shop"))
    tool("psql", "--quiet", company.admin_url("shop_b"), given=dump)
    data = ec2.describe_instance_attribute(InstanceId=first["InstanceId"], Attribute="userData")
    text = base64.b64decode(data["UserData"]["Value"]).decode()
    text, count = re.subn(r"(DATABASE_URL=\S+/)shop\b", r"\1shop_b", text)
    assert count == 1, text
    made = ec2.run_instances(
        ImageId=first["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        KeyName=first["KeyName"],
        SubnetId=first["SubnetId"],
        SecurityGroupIds=[one["GroupId"] for one in first["SecurityGroups"]],
        UserData=text,
    )["Instances"][0]
    change_record(company, WWW, "A", [made["PrivateIpAddress"]])
    wait_for(lambda: ask(made["PrivateIpAddress"], "/healthz")[0] == 200, "the other shop serves")


def test_a_second_configuration(adopted: Company, tmp_path: Path) -> None:
    """B adopts a machine of its own, sweeps, releases, sweeps again after the drain.

    Production's jobs run on, and its machine is still there.
    """
    machine_of_its_own(adopted)
    adopted.up("v1.5.0")
    production, other = live_instance(adopted), Other(adopted, tmp_path)
    other.run("deployer", "adopt", "shop", "--yes")
    other.run("reconciler", "sweep")
    worker_runs = is_active(adopted, production, "shop-worker")
    other.run("deployer", "up", "shop", "--ref", "v1.7.0")
    let_time_pass(adopted)
    other.run("reconciler", "sweep")
    is_there = production["InstanceId"] in adopted.resources()["instance"]
    assert {"worker runs": worker_runs, "machine is there": is_there} == {
        "worker runs": True,
        "machine is there": True,
    }


def test_record_becomes_a_second_name(adopted: Company) -> None:
    """One line changed, a release, another one and a drain: the old name's clients are served."""
    adopted.configure(r"^keep\b.*$", "keep = 1")
    adopted.up("v1.5.0")
    (at,) = adopted.pointed_at()
    change_record(adopted, WWW, "A", [at])
    adopted.configure(r"^record\b.*$", f'record = "{WWW}"')
    adopted.deployer("up", "shop", "--ref", "v1.7.0")
    first = orders_at(at)
    adopted.deployer("up", "shop", "--ref", "v1.7.0")
    let_time_pass(adopted)
    adopted.reconciler("sweep")
    assert adopted.pointed_at() == (at,)
    assert {"at once": first, "after the drain": orders_at(at)} == {
        "at once": 201,
        "after the drain": 201,
    }


def test_two_names_on_one_machine(adopted: Company) -> None:
    """`www` names the same machine, and the configuration only the other: both take orders."""
    change_record(adopted, WWW, "A", list(adopted.pointed_at()))
    adopted.deployer("up", "shop", "--ref", "v1.5.0")
    answers = [orders_at(adopted.records()[name, "A"][0]) for name in (RECORD, WWW)]
    assert answers == [201, 201]


def recovered_as_proposed(company: Company) -> None:
    """What every refusal proposed, and the sweep that comes by itself."""
    company.deployer("up", "shop", "--ref", "v1.7.0")
    company.deployer("recover", "shop", "--yes")
    company.reconciler("sweep")


def production_of(company: Company, machine: Json) -> tuple[int, bool, bool]:
    """Whether its clients may order, whether its worker runs, whether it is live."""
    takes = orders_at(machine["PrivateIpAddress"])
    return takes, is_active(company, machine, "shop-worker"), bool(said(company).live)


def test_a_misspelt_record(adopted: Company) -> None:
    """`up`, `recover`, a sweep: the database takes writes, the jobs run, the ledger knows it."""
    adopted.up("v1.5.0")
    machine = live_instance(adopted)
    adopted.configure(r"^record\b.*$", 'record = "shpo.example.test"')
    recovered_as_proposed(adopted)
    assert production_of(adopted, machine) == (201, True, True)


def test_a_record_deleted_by_accident(adopted: Company) -> None:
    """The same, while clients still have the address in their caches."""
    adopted.up("v1.5.0")
    machine = live_instance(adopted)
    delete_record(adopted, RECORD, "A")
    recovered_as_proposed(adopted)
    assert production_of(adopted, machine) == (201, True, True)


def test_recover_while_a_release_runs(adopted: Company) -> None:
    """A living lease is not ended by `recover --yes`, and the sweep takes nothing of it."""
    adopted.configure("^install = .*", 'install = ["sleep 300"]')
    with adopted.releasing() as release:
        release.wait_for_step("code")
        lease = said(adopted).lease
        made = resources_of(adopted, lease)
        adopted.deployer("recover", "shop", "--yes")
        adopted.reconciler("sweep")
        there = made & set().union(*adopted.resources().values())
        assert (said(adopted).lease, there) == (lease, made)
        release.send(signal.SIGINT)
        release.finish()


def more_like_this(company: Company, machine: Json) -> str:
    """A machine as the console launches it from another: its image, its tags, a public address."""
    network = {
        "DeviceIndex": 0,
        "AssociatePublicIpAddress": True,
        "SubnetId": machine["SubnetId"],
        "Groups": [one["GroupId"] for one in machine["SecurityGroups"]],
    }
    ec2 = company.aws("ec2")
    (copy,) = ec2.run_instances(
        ImageId=machine["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[network],
        TagSpecifications=[{"ResourceType": "instance", "Tags": machine["Tags"]}],
    )["Instances"]
    often = {"Delay": 0.2, "MaxAttempts": 200}
    ec2.get_waiter("instance_running").wait(InstanceIds=[copy["InstanceId"]], WaiterConfig=often)
    return str(copy["InstanceId"])


def test_a_copy_of_an_adopted_machine(company: Company) -> None:
    """The adopted machine is terminated while its copy runs: the record is not moved there."""
    machine = live_instance(company)
    in_the_open(company)
    company.adopt()
    machine["Tags"] = [
        {"Key": k, "Value": v} for k, v in company.tags(machine["InstanceId"]).items()
    ]
    at = company.pointed_at()
    copy = more_like_this(company, machine)
    company.aws("ec2").terminate_instances(InstanceIds=[machine["InstanceId"]])
    wait_for(
        lambda: [one["InstanceId"] for one in company.instances()] == [copy], "the copy is alone"
    )
    # AWS forgets a terminated machine, and its tags, within the hour.
    company.aws("ec2").delete_tags(Resources=[machine["InstanceId"]])
    company.reconciler("sweep")
    assert company.pointed_at() == at
