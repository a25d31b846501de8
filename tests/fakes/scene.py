"""The world of `tests.support.shop_world` behind fakes: a service to be swept and released."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployer.ports import Ports
from reconciler.config.service import Service
from reconciler.cost.price_list import Prices
from reconciler.database.state_comment import Memory
from reconciler.gc.ownership import ServiceLocation
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Ledger
from reconciler.model.outcome import Outcome
from reconciler.model.resource import DATABASE, Resource
from reconciler.plan.service_plan import Plan, SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import make_plan, sweep
from reconciler.util.secret import Secret
from tests.fakes.compute import FakeCompute
from tests.fakes.inventory import FakeHeap
from tests.fakes.ledgers import FakeLedgers
from tests.fakes.service_access import FakeConnector, FakeReach, ToldServer
from tests.support.shop_world import ALL, CLEAN, GATE, LEDGER, LIVE, NOW, OLD, PLACE

ROLE = "shop_app"
READ_LOGIN = [
    "read the database's name in /etc/shop/env on i-17",
    "read the database's user in /etc/shop/env on i-17",
    "look for what else names the database in /etc/shop/env on i-17",
]
"""What is asked of live before a release, once the ledger has been read."""

CONFIGURED: Mapping[str, Any] = {
    "name": "shop",
    "record": "shop.example.com",
    "account": PLACE.account,
    "region": PLACE.region,
    "files": "none",
    "code": {"source": ".", "path": "/srv/shop"},
    "app": {"units": ["shop"], "jobs": ["shop-worker"], "env_file": "/etc/shop/env"},
    "database": {
        "engine": "postgres",
        "admin": "env:ADMIN_URL",
        "app_role": ROLE,
        "migrate": ["bin/migrate"],
        "writes": "freeze",
    },
    "smoke": [{"command": "true"}],
    "ssh": {"user": "admin"},
    "park": "run",
    "traffic": {"drain": "never"},
}
"""Nothing goes to rest unless a test says so."""


def service(**changes: Any) -> Service:
    """A configured service; a change replaces a whole section."""
    context = {"base": Path(__file__).parent}  # `plan` packs it
    return Service.model_validate({**CONFIGURED, **changes}, context=context, strict=False)


class Acts(list[str]):
    """What was read and done, in order; `then` is told of each act and may meddle."""

    then: Callable[[str], object] = staticmethod(lambda _: None)

    def append(self, act: str) -> None:
        super().append(act)
        self.then(act)


class Scene:
    """One service on fakes. `acts` is everything that was read or done, in its order."""

    def __init__(
        self, root: Path, resources: Iterable[Resource] = ALL, ledger: Ledger = CLEAN
    ) -> None:
        self.acts = Acts()
        self.told: list[Outcome] = []
        self.ledgers = FakeLedgers(self.acts)
        self.address = self.ledgers.locate("shop", "shop.example.com")
        self.ledgers.put(self.address, ledger)
        self.heap = FakeHeap(self.acts)
        self.server = ToldServer(self.acts)
        self.reach = FakeReach(root, self.acts, self.server)
        self.compute = FakeCompute(self.heap)
        self.connector = FakeConnector()
        self.managed = ManagedService(
            home=ServiceLocation("shop", str(self.address), PLACE),
            address=replace(self.address, account=PLACE.account, region=PLACE.region),
            heap=self.heap,
            ledgers=self.ledgers,
            reach=self.reach,
            gate=GATE,
            app_roles=(ROLE,),
            max_wait=1.0,
        )
        env = f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/{LIVE.database_name(LEDGER)}\n"
        self.reach.machine("i-17").write("/etc/shop/env", env)
        self._fill(tuple(resources))

    def _fill(self, resources: tuple[Resource, ...]) -> None:
        self.heap.add(one for one in resources if one.kind != DATABASE)
        for one in resources:
            if one.kind == DATABASE and one.deploy is not None:
                self.add_database(one.deploy, shut=one.deploy == OLD)
        self.acts.clear()

    def add_database(self, deploy: DeployId, *, shut: bool = False) -> str:
        """The deploy's own database, of an earlier generation."""
        name = deploy.database_name(LEDGER)
        self.server.create(name, ROLE, Memory(deploy, LEDGER, NOW, generation=1))
        self.server.held[name].add_table("public.orders", 3)
        if shut:
            self.server.shut(name, FencedAct(2, deploy, LEDGER), (ROLE,), 1.0)
        return name

    @property
    def ledger(self) -> Ledger:
        """The ledger that stands there."""
        return self.ledgers.stands(self.address)

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self.ledgers.put(self.address, ledger)

    @property
    def databases(self) -> set[str]:
        """The names of the databases that are there."""
        return set(self.server.held)

    def ports(self, **changes: Any) -> Ports:
        """What a use case of the deployer works with; changes are of the configuration."""
        said = service(**changes)
        resolve = Secret("postgresql://admin@127.0.0.1/postgres")
        return Ports(
            said,
            replace(self.managed, retention=said.retention),
            self.compute,
            self.connector,
            lambda _: resolve,
            "me@here",
            Prices(),
            lambda _: self.ledgers,
        )

    def sweep(
        self, ask: SweepRequest | None = None, *, unfinished_only: bool = False, **more: Any
    ) -> SweepResult:
        """Sweep the service."""
        fleet = replace(Fleet.of(self.managed, ask), unfinished_only=unfinished_only)
        return sweep(fleet, self.told.append, **more)

    def plan(self) -> Plan:
        """What a sweep would do now."""
        return make_plan(Fleet.of(self.managed))

    def did(self, *words: str) -> list[str]:
        """The acts that begin with one of these words, in order."""
        return [one for one in self.acts if one.startswith(words)]
