"""Traffic through the sandbox's load balancers, as clients with open and new connections see it."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from queue import SimpleQueue

import pytest

from deployer.sandbox.balancer.plan import (
    Balancer,
    HealthCheck,
    Listener,
    Node,
    Plan,
    Reply,
    Rule,
    Target,
    TargetGroup,
)
from deployer.sandbox.balancer.routing import addresses
from deployer.sandbox.balancer.service import Balancers
from deployer.sandbox.network import loopback_range
from tests.contract.helpers import eventually
from tests.support.web_targets import WebTarget

PORT = 8080
CHECK = HealthCheck("HTTP", 0, "/healthz", 0.02, 5.0, 2, 2, 1, "200")
DELAY = 0.5
"""Seconds that a deregistration takes."""

Answer = tuple[int, str]


@dataclass
class Lab:
    """A balancer with two nodes, and machines behind it; `act` changes the plan."""

    prefix: str
    balancers: Balancers
    ends: ExitStack
    plan: Plan = field(default_factory=Plan)
    machines: dict[str, WebTarget] = field(default_factory=dict)

    def machine(self, name: str) -> WebTarget:
        """Start a machine; its address is the next one."""
        address = f"{self.prefix}.0.{10 + len(self.machines)}"
        self.machines[name] = WebTarget(address, PORT, name)
        self.ends.callback(self.machines[name].stop)
        return self.machines[name]

    def target(self, group: str, name: str, zone: str = "a", **more: float) -> Target:
        """A machine as a target."""
        address = f"{self.prefix}.0.{10 + list(self.machines).index(name)}"
        return Target(group, name, PORT, address, zone, **more)

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (Node(f"{self.prefix}.0.4", "a"), Node(f"{self.prefix}.16.4", "b"))

    def run(self, *groups: TargetGroup, protocol: str = "HTTP", **weights: int) -> None:
        """Balance these groups with these weights."""
        rule = Rule(weights=tuple(weights.items()))
        self.serve(rule, *groups, protocol=protocol)

    def serve(self, *parts: Rule | TargetGroup, protocol: str = "HTTP") -> None:
        """Follow these rules, the default one last."""
        rules = tuple(one for one in parts if isinstance(one, Rule))
        groups = {one.arn: one for one in parts if isinstance(one, TargetGroup)}
        listener = Listener("listener", protocol, PORT, rules)
        self.plan = Plan((Balancer("lb", "web.elb", self.nodes, (listener,)),), groups)
        self.balancers.follow(self.plan)

    def group(self, arn: str, *names: str) -> TargetGroup:
        """A group of these machines."""
        return TargetGroup(arn, CHECK, tuple(self.target(arn, name) for name in names))

    def await_health(self, group: TargetGroup, state: str = "healthy") -> None:
        """Until every target of the group is in this state."""
        keys = [one.key for one in group.targets]
        eventually(lambda: {self.balancers.health(key).state for key in keys} == {state})

    def client(self, node: int = 0) -> HTTPConnection:
        """A connection that stays open; closed with the test."""
        made = HTTPConnection(self.nodes[node].address, PORT, timeout=20)
        made.connect()
        self.ends.callback(made.close)
        return made


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A loopback range, and balancers that end with the test."""
    claimed = loopback_range.claim()
    with closing(claimed.guard), closing(Balancers()) as balancers, ExitStack() as ends:
        yield Lab(f"127.{claimed.number}", balancers, ends)


def ask(client: HTTPConnection, path: str = "/") -> Answer:
    """Status and body of a GET; the connection must not have been replaced."""
    before = client.sock
    client.request("GET", path)
    reply = client.getresponse()
    found = reply.status, reply.read().decode()
    assert client.sock is before is not None
    return found


def ask_anew(lab: Lab, path: str = "/") -> Answer:
    """The same, on a connection of its own."""
    with closing(lab.client()) as client:
        return ask(client, path)


def in_background(work: Callable[[], Answer]) -> SimpleQueue[Answer | Exception]:
    """Run `work` in a thread; its result comes through the queue."""
    results: SimpleQueue[Answer | Exception] = SimpleQueue()

    def run() -> None:
        try:
            results.put(work())
        except Exception as error:  # noqa: BLE001  # the test looks at it
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    return results


def two_groups(lab: Lab) -> tuple[TargetGroup, TargetGroup]:
    """Groups `blue` and `green` with a machine each, both healthy; all traffic goes to blue."""
    for name in ("old", "new"):
        lab.machine(name)
    blue, green = lab.group("blue", "old"), lab.group("green", "new")
    lab.run(blue, green, blue=1, green=0)
    for one in (blue, green):
        lab.await_health(one)
    return blue, green


def test_a_switch_moves_open_and_new_connections(lab: Lab) -> None:
    """Each request of a connection is routed by the weights of its moment; nobody is cut off."""
    blue, green = two_groups(lab)
    client = lab.client()
    assert ask(client) == ask_anew(lab) == (200, "old")
    lab.run(blue, green, blue=0, green=1)
    assert ask(client) == ask_anew(lab) == (200, "new")
    lab.run(blue, green, blue=1, green=0)
    assert ask(client) == ask_anew(lab) == (200, "old")


def test_weights_share_the_requests(lab: Lab) -> None:
    """A weight is a share; weight 0 gets nothing, though it is checked."""
    blue, green = two_groups(lab)
    lab.run(blue, green, blue=1, green=3)
    client = lab.client()
    found = Counter(ask(client)[1] for _ in range(200))
    assert 20 < found["old"] < 90
    assert found["old"] + found["new"] == 200


def test_nothing_but_weight_0_is_a_503(lab: Lab) -> None:
    """Nobody is asked, and the connection stays."""
    blue, green = two_groups(lab)
    lab.run(blue, green, blue=0, green=0)
    client = lab.client()
    assert ask(client)[0] == 503
    lab.run(blue, green, blue=1, green=0)
    assert ask(client) == (200, "old")


def test_a_group_without_targets_is_a_503(lab: Lab) -> None:
    """There is no failover to another group of the action (ALB guide, "Forward actions")."""
    blue, _ = two_groups(lab)
    lab.run(blue, TargetGroup("green", CHECK, ()), blue=0, green=1)
    assert ask_anew(lab)[0] == 503


def test_a_target_joins_when_it_is_healthy(lab: Lab) -> None:
    """Registration alone brings no requests while another target is healthy."""
    lab.machine("one")
    lab.machine("two").status = 500
    both = lab.group("blue", "one", "two")
    lab.run(both, blue=1)
    eventually(lambda: lab.balancers.health(both.targets[1].key).state == "unhealthy")
    lab.await_health(lab.group("blue", "one"))
    client = lab.client()
    assert {ask(client) for _ in range(10)} == {(200, "one")}
    lab.machines["two"].status = 200
    lab.await_health(both)
    assert {ask(client) for _ in range(10)} == {(200, "one"), (200, "two")}


def draining(both: TargetGroup, seconds: float) -> TargetGroup:
    """The group with its first target deregistered."""
    first, second = both.targets
    return replace(both, targets=(replace(first, drains_until=time.monotonic() + seconds), second))


def test_a_request_in_flight_survives_the_deregistration(lab: Lab) -> None:
    """It is answered by the target that has it, while new requests go elsewhere."""
    slow, _ = lab.machine("one"), lab.machine("two")
    both = lab.group("blue", "one", "two")
    only_one = replace(both, targets=both.targets[:1])
    lab.run(only_one, blue=1)
    lab.await_health(only_one)
    client = lab.client()
    slow.arrived.clear()
    flight = in_background(lambda: ask(client, "/slow"))
    eventually(lambda: "/slow" in slow.asked)
    lab.run(draining(both, 60), blue=1)
    assert {ask_anew(lab)[1] for _ in range(6)} == {"two"}
    slow.let_go()
    assert flight.get(timeout=20) == (200, "one")
    assert ask(client) == (200, "two")


def test_the_end_of_the_delay_ends_what_is_in_flight(lab: Lab) -> None:
    """An answer that comes later than the deregistration delay is lost: a 502 for its client."""
    slow, _ = lab.machine("one"), lab.machine("two")
    both = lab.group("blue", "one", "two")
    only_one = replace(both, targets=both.targets[:1])
    lab.run(only_one, blue=1)
    lab.await_health(only_one)
    flight = in_background(lambda: ask_anew(lab, "/slow"))
    eventually(lambda: "/slow" in slow.asked)
    lab.run(draining(both, DELAY), blue=1)
    assert flight.get(timeout=20) == (502, "Bad Gateway")


def test_a_target_registered_again_keeps_its_requests(lab: Lab) -> None:
    """The delay of its earlier deregistration ends nothing."""
    slow, _ = lab.machine("one"), lab.machine("two")
    both = lab.group("blue", "one", "two")
    lab.run(both, blue=1)
    lab.await_health(both)
    lab.run(draining(both, DELAY), blue=1)
    lab.run(replace(both, targets=both.targets[:1]), blue=1)
    flight = in_background(lambda: ask_anew(lab, "/slow"))
    eventually(lambda: "/slow" in slow.asked)
    eventually(lambda: not lab.balancers._draining)
    slow.let_go()
    assert flight.get(timeout=20) == (200, "one")


def test_a_dead_target_fails_requests_until_its_checks_fail(lab: Lab) -> None:
    """A 502 is all that a client sees of it, and only for as long as it counts as healthy."""
    lab.machine("one")
    lab.machine("two")
    both = lab.group("blue", "one", "two")
    lab.run(both, blue=1)
    lab.await_health(both)
    client = lab.client()
    assert {ask(client) for _ in range(10)} == {(200, "one"), (200, "two")}
    lab.machines["one"].stop()
    seen = {ask(client)}
    eventually(lambda: not lab.balancers.health(both.targets[0].key).is_healthy)
    assert seen <= {(200, "two"), (502, "Bad Gateway")}
    assert {ask(client) for _ in range(10)} == {ask_anew(lab)} == {(200, "two")}


def test_without_a_healthy_target_all_are_asked(lab: Lab) -> None:
    """It fails open (ALB guide, "Target group health")."""
    lab.machine("one").status = 500
    blue = lab.group("blue", "one")
    lab.run(blue, blue=1)
    lab.await_health(blue, "unhealthy")
    assert ask_anew(lab) == (500, "one")


def test_without_cross_zone_a_node_uses_its_own_zone(lab: Lab) -> None:
    """And DNS leaves out the node of a zone without healthy targets."""
    lab.machine("one")
    lab.machine("two")
    targets = (lab.target("blue", "one", "a"), lab.target("blue", "two", "b"))
    blue = TargetGroup("blue", CHECK, targets, cross_zone=False)
    lab.run(blue, blue=1)
    lab.await_health(blue)
    assert {ask(lab.client(0)) for _ in range(6)} == {(200, "one")}
    assert {ask(lab.client(1)) for _ in range(6)} == {(200, "two")}
    lab.machines["one"].stop()
    eventually(lambda: not lab.balancers.health(targets[0].key).is_healthy)
    found = addresses(lab.plan, "dualstack.WEB.elb.", lambda one: lab.balancers.health(one.key))
    assert found == (lab.nodes[1].address,)
    lab.run(replace(blue, cross_zone=True), blue=1)
    assert ask(lab.client(0)) == (200, "two")


def test_rules_choose_by_path_and_host(lab: Lab) -> None:
    """The first one that matches; what matches none goes the default way."""
    blue, green = two_groups(lab)
    lab.serve(
        Rule(paths=("/api/*",), weights=(("green", 1),)),
        Rule(hosts=("closed.*",), reply=Reply(410, "gone")),
        Rule(weights=(("blue", 1),)),
        blue,
        green,
    )
    client = lab.client()
    assert ask(client, "/api/v1?x=/") == (200, "new")
    assert ask(client, "/ap") == (200, "old")
    client.request("GET", "/", headers={"Host": "Closed.example.test:8080"})
    reply = client.getresponse()
    assert (reply.status, reply.read()) == (410, b"gone")


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_go_through(lab: Lab, chunked: bool) -> None:
    """Of any size and framing, and the client's address with them."""
    two_groups(lab)
    sent = bytes(range(256)) * 2000
    client = lab.client()
    body = (sent[n : n + 5000] for n in range(0, len(sent), 5000)) if chunked else sent
    client.request("POST", "/", body=body, headers={"X-Forwarded-For": "192.0.2.9"})
    reply = client.getresponse()
    assert reply.read() == b"old " + sent
    assert reply.headers["X-Seen-For"].startswith("192.0.2.9, 127.")
    assert ask(client) == (200, "old")


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_big_answer_arrives_whole(lab: Lab, protocol: str) -> None:
    """At a client with a small buffer, whose connection ends with the answer."""
    lab.machine("one")
    lab.run(lab.group("blue", "one"), protocol=protocol, blue=1)
    lab.await_health(lab.group("blue", "one"))
    size = 12_000_000  # more than the kernel keeps for a client with a small buffer
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((lab.nodes[0].address, PORT))
        client.sendall(f"GET /big/{size} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        found = b"".join(iter(lambda: client.recv(1_000_000), b""))
    assert len(found.partition(b"\r\n\r\n")[2]) == size


def test_an_answer_that_ends_with_its_connection_goes_through(lab: Lab) -> None:
    """The target's way to end an answer is not the client's: its connection stays open."""
    two_groups(lab)
    client = lab.client()
    assert ask(client, "/old") == ask(client) == (200, "old")


def test_a_head_request_has_no_body(lab: Lab) -> None:
    """The length is that of the body which a GET would have."""
    two_groups(lab)
    client = lab.client()
    client.request("HEAD", "/")
    reply = client.getresponse()
    assert (reply.status, reply.headers["Content-Length"], reply.read()) == (200, "3", b"")
    assert ask(client) == (200, "old")


def test_a_tcp_connection_stays_with_its_target(lab: Lab) -> None:
    """A network load balancer's flow does not move with the weights; new ones do."""
    for name in ("old", "new"):
        lab.machine(name)
    blue, green = lab.group("blue", "old"), lab.group("green", "new")
    lab.run(blue, green, protocol="TCP", blue=1, green=0)
    for one in (blue, green):
        lab.await_health(one)
    client = lab.client()
    assert ask(client) == (200, "old")
    lab.run(blue, green, protocol="TCP", blue=0, green=1)
    assert ask(client) == (200, "old")
    assert ask_anew(lab) == (200, "new")


def test_a_tcp_client_without_a_target_is_reset(lab: Lab) -> None:
    """It connects, and is told at once that nobody is there."""
    lab.run(TargetGroup("blue", CHECK, ()), protocol="TCP", blue=1)
    with pytest.raises((ConnectionError, OSError)):
        ask_anew(lab)


def test_a_removed_listener_closes_its_port(lab: Lab) -> None:
    """With the connections of its clients; the thread ends with the last balancer."""
    two_groups(lab)
    client = lab.client()
    assert ask(client) == (200, "old")
    lab.balancers.follow(Plan())
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((lab.nodes[0].address, PORT), timeout=5)
    with pytest.raises(OSError, match=r"."):
        ask(client)
    assert not [one for one in threading.enumerate() if one.name == "sandbox-balancer"]
