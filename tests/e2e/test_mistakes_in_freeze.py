"""Mistakes that only the freeze finds, and ports that a security group closes.

What `doctor` can know of a configuration is in `test_mistakes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import ELASTIC, Options
from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop, failed_step
from tests.crash.unchanged_service import told
from tests.e2e.probes import writable
from tests.e2e.test_mistakes import Happens, change, on_live
from tests.support.company import Company


@contextmanager
def _open_transaction(shop: Shop) -> Iterator[None]:
    """Somebody has written, and neither commits nor ends."""
    change(shop, "^engine   = ", 'max_wait = "1s"\nengine   = ')
    with shop.open_writer():
        yield


@contextmanager
def _short_freeze(shop: Shop) -> Iterator[None]:
    """Less than any copy takes."""
    change(shop, "^engine   = ", 'max_freeze = "100ms"\nengine   = ')
    yield


@contextmanager
def _slow_migration(shop: Shop) -> Iterator[None]:
    """The migration alone takes longer than writes may be refused."""
    change(shop, "^engine   = ", 'max_freeze = "2s"\nengine   = ')
    change(shop, "^migrate  = .*", 'migrate = ["sleep 30"]')
    yield


FREEZE: dict[str, tuple[Happens, tuple[str, ...]]] = {
    "open transaction": (_open_transaction, ("writers still open after 1s", "pid ", "max_wait")),
    "short freeze": (_short_freeze, ("max_freeze = 0.1s", "raise database.max_freeze")),
    "slow migration": (_slow_migration, ("max_freeze = 2s", "raise database.max_freeze")),
}
"""What nothing but the freeze itself can find: what happens, and what `up` says."""


@pytest.mark.parametrize("name", FREEZE)
def test_a_mistake_that_the_freeze_finds_is_named(adopted_shop: Shop, name: str) -> None:
    """Exit 1 with cause and cure; nothing is left, and live takes writes again at once."""
    happens, words = FREEZE[name]
    before = adopted_shop.resources()
    with happens(adopted_shop):
        told(adopted_shop.deployer("up", "shop", "--ref", "v1.5.0"), Exit.FAILED, *words)
    assert adopted_shop.resources() == before
    assert writable(adopted_shop) == ["shop"]
    assert adopted_shop.version() == "v1.4.2"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company whose machines are reached at public addresses, which security groups guard."""
    box = Sandbox.at(tmp_path_factory.mktemp("public") / "box")
    box.up(Options(shape=ELASTIC))
    company = Company(box)
    company.adopt()
    yield company
    box.down()


@contextmanager
def closed(company: Company, port: int) -> Iterator[None]:
    """The machines' security group lets nobody in to this port."""
    ec2 = company.aws("ec2")
    [group] = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["company"]}])[
        "SecurityGroups"
    ]
    rule = {"GroupId": group["GroupId"], "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    ec2.revoke_security_group_ingress(**rule, CidrIp="127.0.0.0/8")
    try:
        yield
    finally:
        ec2.authorize_security_group_ingress(**rule, CidrIp="127.0.0.0/8")


@pytest.mark.parametrize(("port", "check"), [(2222, "ssh"), (8080, "smoke")])
def test_a_security_group_that_closes_a_port_is_named(
    public: Company, port: int, check: str
) -> None:
    """The port is silent, as on EC2: doctor says which, and that a security group may be why."""
    with closed(public, port):
        said = public.deployer("doctor", "shop")
    told(said, said.code, f"✗ shop     {check:<11} ", str(port), "security group")
    assert said.code in (Exit.REFUSED, Exit.FAILED)


def test_a_closed_port_of_a_smoke_test_costs_no_freeze(public: Company) -> None:
    """`up` without a doctor before it: found on the new machine once SSH answers, and undone."""
    before = public.resources()
    with closed(public, 8080):
        done = public.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    told(done, done.code, "8080", "security group")
    assert done.code in (Exit.REFUSED, Exit.FAILED)
    assert failed_step(done) == "connect"
    assert not [one for one in done.events if one["type"].startswith("freeze-")]
    assert public.resources() == before


ACTED, PROGRAM = "/run/cloud-init/instance-data.json", "/usr/local/sbin/cloud-init"
CLOUD_INIT: dict[str, tuple[Happens, tuple[str, ...]]] = {
    "none": (
        on_live(
            f"mv {ACTED} {ACTED}.own; printf '#!/bin/sh\\nexit 127\\n' >{PROGRAM};"
            f" chmod 755 {PROGRAM}",
            f"mv {ACTED}.own {ACTED}; rm {PROGRAM}",
        ),
        ("cloud-init is not on i-", "On live   sudo apt-get install cloud-init"),
    ),
    "without bootcmd": (
        on_live(
            "printf 'cloud_init_modules:\\n - ssh\\n' >/etc/cloud/cloud.cfg",
            "rm /etc/cloud/cloud.cfg",
        ),
        ("does not run its module bootcmd", "cloud_init_modules of /etc/cloud/cloud.cfg"),
    ),
}


@pytest.mark.parametrize("name", CLOUD_INIT)
def test_a_clone_that_would_not_be_gated_is_refused_by_doctor(
    adopted_shop: Shop, name: str
) -> None:
    """No machine of a release may start its units before they are tested."""
    happens, words = CLOUD_INIT[name]
    with happens(adopted_shop):
        told(adopted_shop.deployer("doctor", "shop"), Exit.REFUSED, "✗ shop     cloud-init", *words)
