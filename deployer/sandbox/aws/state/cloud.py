"""State that moto lacks: creation times, client tokens, jobs on machines.

One `Cloud` per process, guarded by one lock: an API call sees and leaves a consistent state, so a
compare-and-swap is atomic. Nothing slow runs under the lock; killing machines is a job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.aws.options import AwsOptions
from deployer.sandbox.aws.state.list_cache import Listings
from deployer.sandbox.aws.state.public_addresses import PublicAddresses
from deployer.sandbox.balancer.plan import REGISTERING, Health, LoadBalancers, Plan, TargetKey
from deployer.sandbox.faults import FaultBook
from deployer.sandbox.machine_host import MachineHost, Nat

log = logging.getLogger(__name__)
JOB_THREADS = 8


@dataclass(frozen=True)
class Launch:
    """The launch of a client token: the request's fingerprint and its reservation."""

    fingerprint: str
    reservation: Any
    instances: tuple[Any, ...]


@dataclass(frozen=True)
class TagWrite:
    """When a tag was last written (monotonic seconds), and its value before."""

    when: float
    before: str | None


@dataclass(frozen=True)
class Registration:
    """A target of a group; with `drains_until` (monotonic seconds) it is being deregistered."""

    id: str
    port: int
    drains_until: float = 0.0


@dataclass
class Region:
    """Our own state of one account's region, beside moto's EC2 backend."""

    backend: Any
    instances: dict[str, Any] = field(default_factory=dict)
    launches: dict[tuple[str, str], Launch] = field(default_factory=dict)
    terminated_at: dict[str, float] = field(default_factory=dict)
    tag_writes: dict[tuple[str, str], TagWrite] = field(default_factory=dict)
    next_address: dict[str, int] = field(default_factory=dict)
    upkept_at: float = float("-inf")


class CreationLog:
    """The creation time and order of each resource: for pages, ages and visibility."""

    def __init__(self) -> None:
        self._born: dict[str, tuple[int, float]] = {}

    def note(self, thing_id: str) -> tuple[int, float]:
        """(order, monotonic time) of a resource's creation; now, if it was not known."""
        if thing_id not in self._born:
            self._born[thing_id] = (len(self._born) + 1, time.monotonic())
        return self._born[thing_id]

    def age(self, thing_id: str) -> float:
        """Seconds since creation."""
        return time.monotonic() - self.note(thing_id)[1]

    def order(self, thing_id: str) -> int:
        """Its position in the order of creation, from 1."""
        return self.note(thing_id)[0]


class Jobs:
    """Slow work on machines, outside the API's lock; the jobs of one resource run in sequence."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(JOB_THREADS, thread_name_prefix="aws-job")
        self._running: dict[str, Future[None]] = {}

    def begin(self, thing_id: str, work: Callable[[], None]) -> None:
        """Do `work` in the background, after the earlier jobs of the resource."""
        earlier = self._running.get(thing_id)
        # The pool is first in, first out: an earlier job never waits for a thread that we occupy.
        self._running[thing_id] = self._pool.submit(_after, earlier, work)

    def outcome(self, thing_id: str) -> bool | None:
        """None while the job runs, then whether it succeeded (True without a job)."""
        job = self._running.get(thing_id)
        if job is None:
            return True
        if not job.done():
            return None
        return job.exception() is None

    def forget(self, thing_id: str) -> None:
        """Remove a finished job."""
        self._running.pop(thing_id, None)

    def drain(self) -> None:
        """Wait for the running jobs, then remove all."""
        for job in list(self._running.values()):
            error = job.exception()
            if error is not None:
                log.warning("a job on a machine failed: %s", error)
        self._running.clear()

    def close(self) -> None:
        """Wait for the running jobs and end the threads."""
        self._pool.shutdown(wait=True)


def _after(earlier: Future[None] | None, work: Callable[[], None]) -> None:
    if earlier is not None:
        wait([earlier])
    work()


class AwsState:
    """Everything that the strict layer shares; every request holds `lock` while it runs."""

    def __init__(
        self,
        host: MachineHost,
        options: AwsOptions,
        faults: FaultBook,
        nat: Nat | None = None,
        balancers: LoadBalancers | None = None,
    ) -> None:
        self.host = host
        self._nat = nat
        self._balancers = balancers
        self.by_operator = False
        """Whether the request under way is the sandbox's own: it may set AWS's tags."""
        self.options = options
        self.faults = faults
        self.lock = threading.RLock()
        self.jobs = Jobs()
        self.listings = Listings()
        self.epoch = 0
        self.forget()

    def forget(self) -> None:
        """Delete all state: a new account; requests made to the old one become void."""
        self.epoch += 1
        self.listings.changed()
        self.births = CreationLog()
        self.regions: dict[tuple[str, str], Region] = {}
        self.dns_changes: dict[str, tuple[float, Any]] = {}
        self.addresses: set[str] = set()
        self.public = PublicAddresses(self.options.network, self.addresses)
        self.registrations: defaultdict[str, dict[tuple[str, int], Registration]]
        self.registrations = defaultdict(dict)
        self.balancer_nodes: dict[tuple[str, str], str] = {}
        self.run_balancers(Plan())

    def follow_routes(self) -> None:
        """Update the forwarding of public addresses; costs nothing without any."""
        if self.public.changed and self._nat is not None:
            self.public.changed = False
            self._nat.follow(frozenset(self.public.routes()))

    def run_balancers(self, plan: Plan) -> None:
        """Let the load balancers do this from now on."""
        self.balancer_plan = plan
        if self._balancers is not None:
            self._balancers.follow(plan)

    def target_health(self, target: TargetKey) -> Health:
        """The health of a target that receives traffic."""
        return self._balancers.health(target) if self._balancers is not None else REGISTERING

    def region(self, backend: Any) -> Region:
        """Our own state beside this moto EC2 backend."""
        key = (backend.account_id, backend.region_name)
        if key not in self.regions:
            self.regions[key] = Region(backend)
        return self.regions[key]

    def is_visible(self, thing_id: str) -> bool:
        """Whether Describe calls show it already (the `lag` fault hides new resources)."""
        return self.faults.lag <= 0 or self.births.age(thing_id) >= self.faults.lag


_current: list[AwsState] = []


def current() -> AwsState:
    """The cloud of the running server."""
    return _current[-1]


def occupy(cloud: AwsState) -> None:
    """Register this cloud as the process's cloud.

    Raises:
        RuntimeError: there is one already (moto's state is global).
    """
    if _current:
        raise RuntimeError("a sandbox API already runs in this process: stop it first")
    _current.append(cloud)


def vacate() -> None:
    """Unregister the process's cloud."""
    _current.clear()
