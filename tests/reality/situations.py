"""What happens to a service's machines, as one walk: production, its clones, and their reboots.

The walk is the same on a real systemd and on the imitation; it returns every difference between
who acted and who may, so that one run shows them all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.host_key import make_host_key
from reconciler.machine.unit_control import Act
from tests.reality import zoo
from tests.reality.laboratory import Laboratory, Machine, until
from tests.reality.product import Product, product
from tests.reality.zoo import Row

DEPLOY = "shop/20261123T031502Z-7kq2m"
LATER = "shop/20261124T031502Z-8kq2m"
ACT = Act(41, DEPLOY, "run", "run")
"""What live is told before its first image."""
Differ = Callable[[list[str]], None]
"""Fails where there are differences; docs/reality.md names their rows."""
BOTH = frozenset(("app", "jobs"))
SHUT: frozenset[str] = frozenset()
APP_ONLY = frozenset(("app",))
_ORDERED_BY_BASIC = """\
for unit in cloud-init-local cloud-init; do
  sed -e '/^DefaultDependencies=no/d' -e '/^Before=sysinit.target/d' \\
    /usr/lib/systemd/system/$unit.service > /etc/systemd/system/$unit.service
done
"""


def _configured(line: str) -> str:
    return f"mkdir -p /etc/cloud/cloud.cfg.d; echo '{line}' > /etc/cloud/cloud.cfg.d/99_zoo.cfg"


@dataclass(frozen=True)
class Order:
    """How cloud-init is set up on production's disk, and on its clones.

    `acts`: it gives a clone its own host key. `notices`: it knows that a clone is another machine.
    """

    name: str
    about: str
    script: str
    acts: bool = True
    notices: bool = True


ORDERS = (
    Order("debian", "as Debian orders it: before sysinit.target", ""),
    Order("rhel", "as RHEL and Amazon Linux do: beside ordinary units", _ORDERED_BY_BASIC),
    Order("disabled", "cloud-init.disabled", "touch /etc/cloud/cloud-init.disabled", acts=False),
    Order("none", "without a datasource", _configured("datasource_list: [None]"), acts=False),
    Order(
        "manual",
        "manual_cache_clean",
        _configured("manual_cache_clean: true"),
        acts=False,
        notices=False,
    ),
)


@dataclass
class Walk:
    """One production and its clones; `differences` is empty where all is as it has to be."""

    laboratory: Laboratory
    order: Order
    rows: tuple[Row, ...]
    patience: float = 60.0
    product: Product = field(default_factory=product)
    differences: list[str] = field(default_factory=list)

    @property
    def gate(self) -> ActivationGate:
        """The gate of the service that the rows belong to."""
        return zoo.gate(self.rows)

    def go(self, production: Machine) -> None:
        """From a machine with the rows on it to the reboot of a retired one."""
        production.root(f"{self.order.script}\nsync")
        production.reboot()
        self._compare("production, before a gate", production, BOTH)
        production.root(self.product.adopt(self.gate, ACT))
        first, key = self.clone(production)
        with ThreadPoolExecutor(1) as beside:
            rebooted = beside.submit(production.reboot)
            self._look_at_clone("first clone", first, key)
            rebooted.result()
        self._compare("reboot of live", production, BOTH)
        self._switch(first)
        self._stop_jobs(production)
        production.reboot()
        self._compare("reboot of retired", production, APP_ONLY)

    def _stop_jobs(self, production: Machine) -> None:
        """What cron has begun runs before, and not after."""
        found = f"pgrep -f '^{zoo.CRON_JOB}' || :"
        before = production.root(found)
        self._order(production, Act(43, DEPLOY, "run", "stop"))
        after = production.root(found)
        if bool(before) != any(row.name == "zoo-cron" for row in self.rows) or after:
            self.differences.append(f"a job that cron began: before {before}, after {after}")

    def _switch(self, first: Machine) -> None:
        """The first clone becomes live, and is cloned in its turn."""
        code, out = first.attempt(self.product.obey(self.gate, Act(42, LATER, "run", "run")))
        if not self.order.notices:
            if not code or "manual_cache_clean" not in out:
                self.differences.append(f"a copy that cloud-init did not notice obeyed: {out}")
            return
        if code:
            self.differences.append(f"the first clone did not obey: {out}")
        self._compare("first clone, told to run", first, BOTH)
        later = self.clone(first)
        with ThreadPoolExecutor(1) as beside:
            rebooted = beside.submit(first.reboot)
            self._look_at_clone("later clone", *later)
            rebooted.result()
        self._compare("reboot of the new live", first, BOTH)

    def _order(self, machine: Machine, act: Act) -> None:
        code, out = machine.attempt(self.product.obey(self.gate, act))
        if code:
            self.differences.append(f"it did not obey: {out}")

    def clone(self, source: Machine) -> tuple[Machine, str]:
        """A machine from an image of another, and the host key that was made for it."""
        key = make_host_key()
        image = self.laboratory.image_of(source)
        return self.laboratory.boot(
            image, self.product.user_data(key, self.gate)
        ), key.public.tag_value

    def _look_at_clone(self, what: str, clone: Machine, key: str) -> None:
        """Who acted, what the product's own check says of it, and who answered there."""
        with clone.watched():
            clone.await_end_of_boot()
        self._compare(what, clone, SHUT)
        told = clone.root(self.product.quarantine(self.gate)).splitlines()
        if self.order.notices == bool(told) or any("unit " in line for line in told):
            self.differences.append(f"{what}: the check says {told}")
        ours = key.split()[1]
        if self.order.acts != (clone.keys == {ours}) or not clone.keys:
            self.differences.append(f"{what}: host keys that answered: {clone.keys}, ours {ours}")

    def _compare(self, what: str, machine: Machine, classes: frozenset[str]) -> None:
        found = differences(machine, zoo.may_act(classes, self.rows), self.patience)
        self.differences += [f"{what}: {line}" for line in found]


def differences(machine: Machine, may: Iterable[str], patience: float = 60.0) -> list[str]:
    """Who acted and must not, and who must and did not in time."""
    may = set(may)

    def acted() -> set[str]:
        return set(machine.root(zoo.ACTED).split())

    with contextlib.suppress(AssertionError):  # the comparison says who is missing
        until(lambda: acted() >= may, "", patience)
    found = acted()
    return [f"{name} acted" for name in sorted(found - may)] + [
        f"{name} did not act" for name in sorted(may - found)
    ]
