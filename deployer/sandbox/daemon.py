"""The sandbox's one background process: API, machines, database; runs until SIGTERM.

Started by `deployer.sandbox.control.client`, never by hand. It writes the state file when it starts
and again when it is ready, and removes what it created when it ends.
"""

from __future__ import annotations

import gc
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil

from deployer.sandbox.aws import AwsOptions, AwsServer
from deployer.sandbox.aws.latency import ROUND_TRIP
from deployer.sandbox.balancer.service import Balancers
from deployer.sandbox.company import configuration
from deployer.sandbox.company.bare_account import BareAccount
from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.company.seed import Company
from deployer.sandbox.control.options import HIDDEN, Options
from deployer.sandbox.control.server import Answer, ControlServer
from deployer.sandbox.control.state import MARK, Places, SandboxState
from deployer.sandbox.machines import Machines
from deployer.sandbox.machines.container.connections import Ports
from deployer.sandbox.machines.container.host import ContainerMachines
from deployer.sandbox.machines.container.image import find, this_system
from deployer.sandbox.network import loopback_range
from deployer.sandbox.network.hosted_zones import current_zones
from deployer.sandbox.network.loopback_range import Network
from deployer.sandbox.network.name_server import Dns
from deployer.sandbox.network.nat import Forwarders
from deployer.sandbox.network.tunnel import Tunnel
from deployer.sandbox.postgres import server as postgres_server
from deployer.sandbox.postgres.company_databases import Databases
from deployer.sandbox.postgres.server import Postgres
from deployer.sandbox.status import StatusReader
from deployer.sandbox.unit_logs import journals, system_journal
from reconciler.errors import Refused, ToolError

BASE_IMAGE = "ami-0ba5e0000000000a1"
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OWNER_SECONDS = 2.0
_HEALTHY_SECONDS = {"processes": 60.0, "container": 300.0}
_log = logging.getLogger("sandbox")


class Daemon:
    """Everything that runs between `up` and `down`."""

    def __init__(self, places: Places, options: Options) -> None:
        self._places = places
        self._options = options
        self._turn = threading.Lock()
        self._company: Company | BareAccount | None = None
        self.state = SandboxState(
            pid=os.getpid(),
            born=psutil.Process().create_time(),
            run=os.environ[MARK],
            token=secrets.token_hex(16),
            access_key=f"AKIA{secrets.token_hex(8).upper()}",
            secret_key=secrets.token_hex(20),
            directory=str(places.root),
            empty=options.empty,
            base_image=BASE_IMAGE,
            services=options.services,
            shape=options.shape,
            machines=options.machines,
            postgres=options.postgres,
        )

    def start(self, ends: ExitStack) -> None:
        """Start everything, in the required order; `ends` collects the clean-up of each part."""
        self._tell()
        ends.callback(self._places.remove_work)
        self._machines = self._start_machines(ends)
        claimed = loopback_range.claim()
        self._tell(network=claimed.number, control_url=claimed.control_url)
        if isinstance(self._machines, ContainerMachines):
            self._machines.serve(claimed.database_host, postgres_server.PORT)
        server = self._begin_postgres(claimed, ends)
        self._start_api(claimed, ends)
        self._found_company(server)
        if self._options.shape in HIDDEN:
            self._start_tunnel(claimed, ends)
        self._open_door(claimed, ends)
        self._tell(phase="ready")
        _log.info("ready at %s", self.state.endpoint)

    def reset(self) -> None:
        """Restore the initial state: endpoint, network, keys and passwords stay."""
        with self._turn, ThreadPoolExecutor(2) as pool:
            company = self._company
            work = [pool.submit(one) for one in company.restores()] if company else []
            self._api.reset()
            self._machines.reset(frozenset({BASE_IMAGE}))
            self._register_base_image()
            for done in work:
                done.result()
            if company:
                self._tell(zone_id=company.seed())

    def _tell(self, **changes: object) -> None:
        self.state = self.state.with_(**changes)
        self.state.save(self._places)

    def _start_machines(self, ends: ExitStack) -> Machines | ContainerMachines:
        real = self._options.machines == "container"
        machines = self._containers() if real else self._processes()
        ends.callback(machines.shutdown)
        machines.create_base_image(BASE_IMAGE)
        return machines

    def _processes(self) -> Machines:
        return Machines(
            self._places.machines, ssh_port=configuration.SSH_PORT, ssh_hook=self._options.ssh_hook
        )

    def _containers(self) -> ContainerMachines:
        tree = find(this_system())
        if tree is None:
            raise Refused(
                "the disk of a real machine has not been built",
                cure="deployer sandbox up --machines container",
            )
        ports = Ports(configuration.SSH_PORT, (configuration.APP_PORT,))
        return ContainerMachines(self._places.machines, tree, ports)

    def _begin_postgres(self, claimed: Network, ends: ExitStack) -> Postgres:
        server = Postgres(self._places.postgres, claimed.database_host, self._options.postgres)
        ends.callback(server.stop)
        server.begin()  # initialises while the API is being loaded
        return server

    def _start_api(self, claimed: Network, ends: ExitStack) -> None:
        options = AwsOptions(
            port=self._options.port, network=claimed.cidr, access_key=self.state.access_key
        )
        nat = Forwarders(lambda: self._api.faults.distance * ROUND_TRIP.seconds)
        ends.callback(nat.close)
        balancers = Balancers()
        ends.callback(balancers.close)
        self._api = AwsServer(self._machines, options, nat, balancers)
        ends.callback(self._api.stop)
        self._tell(endpoint=self._api.start())
        self._watch = StatusReader(
            AwsClients.at(self.state.endpoint, self.state.access_key, self.state.secret_key)
        )
        # What moto loads at its first request uses the random source of the ids: only after this
        # are ids the same after every reset.
        self._watch.report(self.state)
        self._api.reset()
        self._register_base_image()
        names = Dns(claimed.dns_host, current_zones)
        names.start()
        ends.callback(names.stop)
        self._tell(dns=claimed.dns_host)

    def _register_base_image(self) -> None:
        self._api.register_base_image("company-base", BASE_IMAGE)

    def _found_company(self, server: Postgres) -> None:
        server.start()
        databases = Databases(server, () if self._options.empty else self._options.services)
        cloud = self._watch.cloud
        company = self._bare_or_whole(databases, cloud)
        company.prepare()
        self._company = company
        self._watch = StatusReader(cloud, databases)
        self._tell(zone_id=company.seed())

    def _bare_or_whole(self, databases: Databases, cloud: AwsClients) -> Company | BareAccount:
        if self._options.empty:
            return BareAccount(self._places, databases, cloud)
        shape, seconds = self._options.shape, _HEALTHY_SECONDS[self._options.machines]
        return Company(self._places, databases, BASE_IMAGE, cloud, shape, seconds)

    def _start_tunnel(self, claimed: Network, ends: ExitStack) -> None:
        tunnel = Tunnel(claimed.tunnel_host, self._watch.cloud.running_address)
        tunnel.start()
        ends.callback(tunnel.stop)
        self._tell(tunnel=claimed.tunnel_host)

    def _open_door(self, claimed: Network, ends: ExitStack) -> None:
        answers: Mapping[str, Answer] = {
            "/status": lambda _: self._watch.report(self.state),
            "/reset": lambda _: self.reset(),
            "/logs": lambda query: self._logs(query["instance"]),
            "/superuser": lambda query: self._superuser(query["database"]),
        }
        control = ControlServer(claimed.guard, self.state.token, answers)
        control.start()
        ends.callback(control.stop)

    def _superuser(self, database: str) -> str:
        """For what the owner of the server does; nobody of the company has this login."""
        if self._watch.databases is None:
            raise Refused("there is no database server yet")
        return self._watch.databases.server.superuser.url(database)

    def _logs(self, instance: str) -> str:
        """A machine's console, then the output of its units."""
        console = self._machines.console(instance).decode("utf-8", "replace")
        disk = self._places.machines / "instances" / instance / "disk"
        if self._options.machines == "container":
            return f"{console}\n{system_journal(disk)}"
        printed = (f"\n== {unit}\n{text}" for unit, text in journals(disk))
        return console + "".join(printed)


def _run(daemon: Daemon, owner: int, news: int) -> None:
    """Start, report on the pipe, run until stopped, leave no process behind."""
    ended = threading.Event()
    for number in _END_SIGNALS:
        signal.signal(number, lambda *_: ended.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ExitStack() as ends:
        daemon.start(ends)
        gc.collect()
        gc.freeze()  # loaded modules stay: the collector need not scan them
        os.write(news, b"!")
        os.close(news)
        while not ended.wait(_OWNER_SECONDS) and (not owner or psutil.pid_exists(owner)):
            pass
        _log.info("ending")


def main() -> None:
    """Run as a daemon in the directory and with the options of the arguments."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    directory, options, news = sys.argv[1:]
    if os.fork():  # the parent exits first, so that init adopts the daemon
        os._exit(0)
    wanted = Options.from_json(options)
    try:
        _run(Daemon(Places(Path(directory)), wanted), wanted.owner, int(news))
    except ToolError as error:
        sys.exit("\n".join(text for text in (error.message, error.detail, error.cure) if text))


if __name__ == "__main__":
    main()
