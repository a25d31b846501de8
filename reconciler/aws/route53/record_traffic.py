"""`Traffic` by an A record whose ledger is in S3 (docs/adr/0030): the record follows the ledger.

The record gets the addresses that the ledger says of live, and its claim the generation that says
so, in one batch. Before a commit the claim is written anew: from then on no change that was decided
earlier can land.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws
from reconciler.aws.elastic_ip_traffic import instances, proved
from reconciler.aws.route53.claimed_record import ClaimedRecord, RecordState
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.reading import LedgerAddress
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute
from reconciler.traffic.record_claim import RecordClaim
from reconciler.traffic.unprepared import Unprepared

MOST_TTL = 60
"""Seconds that a client may keep the address: what is retired is let drain for that long."""

_BY_ADDRESS = ("private-ip-address", "ip-address")


@dataclass(frozen=True)
class ClaimedRecordTraffic(Unprepared):
    """The traffic of one service through its A record. `read_ledger` reads its ledger now."""

    aws: Aws
    record: ClaimedRecord
    ledger: LedgerAddress
    read_ledger: Callable[[], Ledger]
    in_batch: bool = False
    by_address: bool = True
    addresses: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = (
        ("traffic", "the record's claim is written anew, which tries the switch"),
        ("health", "the new machines run"),
        ("commit", "the ledger; then one batch of Route 53 points the record to the new machines"),
    )

    def read(self) -> TrafficReading:
        """See `Traffic.read`."""
        state = self.record.read()
        claim = state.claim
        return TrafficReading((self._route(state),), claim.gen if claim else 0)

    def check(self) -> tuple[str, ...]:
        """See `Traffic.check`."""
        state = self.record.read()
        self._refuse_odd(self._route(state))
        if state.a is not None and state.a.ttl > MOST_TTL:
            raise Refused(
                f"clients keep {self._name} for {state.a.ttl} s (its TTL): with a ledger in S3 "
                f"{MOST_TTL} at most",
                cure=f"set the TTL of {self._name} to {MOST_TTL}, and wait {state.a.ttl} s",
            )
        return ()

    def drain(self) -> timedelta | None:  # type: ignore[override]
        """See `Traffic.drain`: what clients know they use until its TTL is over."""
        return timedelta(seconds=MOST_TTL)

    def join(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.join`: nothing is made, but the claim is written anew."""
        state, ledger = self.record.read(), self.read_ledger()
        self._refuse(state, ledger)
        if state.a is not None:
            self.record.swap(state, state.a.addresses, self._claim(ledger, state.a.addresses))
        return self.create(order)

    def acknowledge(self) -> None:
        """See `Traffic.acknowledge`."""
        state, ledger = self.record.read(), self.read_ledger()
        at = ledger.live_addresses
        if state.a is not None and state.a.addresses == at:
            self._refuse_odd(self._route(state))
            self._refuse_newer(state, ledger)
            self.record.swap(state, at, self._claim(ledger, at))

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.waiting`: what does not run. The smoke test has asked the rest."""
        found = {one["InstanceId"]: one for one in instances(Reads(self.aws), order.machines)}
        states = {
            one: found[one]["State"]["Name"] if one in found else "not there"
            for one in order.machines
        }
        return tuple(f"{one} is {state}" for one, state in states.items() if state != "running")

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        """See `Traffic.takers`: the record takes all machines of the deploy, this one names it."""
        return ((self.record.id, order.machines[0]),)

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        """See `Traffic.switch`: to every machine of live, whose deploy `group` is to be of."""
        state = self.record.read()
        ledger = self.read_ledger()
        live, at = ledger.live, ledger.live_addresses
        if live is None or not at:
            raise Refused(f"nobody is live by now: {route} is not switched")
        self._refuse_newer(state, ledger)
        there = state.a is not None and state.a.addresses == at and state.claim is not None
        if there and state.claim == self._claim(ledger, at):
            return
        if holders is not None:
            self._refuse_moved(state, holders)
        found = self._machines(at)
        held = {one["InstanceId"]: at for at, one in found.items() if _deploy_of(one) == live.id}
        if len(held) != len(at) or group not in held:
            raise CloudError(
                f"{', '.join(at)} are not the addresses of running machines of {live.id}, {group} "
                f"among them: {route} is not switched",
                cure=f"To see how it stands   deployer status {self.ledger.service}",
            )
        self.record.swap(state, at, self._claim(ledger, at))

    @property
    def _name(self) -> str:
        return self.record.place.record

    def _claim(self, ledger: Ledger, at: Sequence[str]) -> RecordClaim:
        return RecordClaim(str(self.ledger), ledger.gen, tuple(sorted(at)))

    def _refuse(self, state: RecordState, ledger: Ledger) -> None:
        """Before a commit: nobody may have moved the record, or claimed it."""
        route = self._route(state)
        self._refuse_odd(route)
        if route.moved:
            raise Refused(
                f"{self._name} {route.moved}: no release switches it",
                cure=f"To see how it stands   deployer traffic {self.ledger.service}",
            )
        self._refuse_newer(state, ledger)

    def _refuse_odd(self, route: TrafficRoute) -> None:
        if route.odd:
            raise Refused(
                f"{self._name} {route.odd}: no release can switch it",
                cure=f"leave one simple A record at {self._name}, of the live machine; if its "
                f"claim is of a ledger that is no more, delete the TXT record _deploy.{self._name}",
            )

    def _refuse_newer(self, state: RecordState, ledger: Ledger) -> None:
        claim = state.claim
        if claim is not None and claim.ledger == str(self.ledger) and claim.gen > ledger.gen:
            raise Refused(
                f"{self._name} was pointed by generation {claim.gen}, the ledger is at "
                f"{ledger.gen}: it is older than it should be",
                cure=f"To write it anew   deployer recover {self.ledger.service}",
            )

    def _refuse_moved(self, state: RecordState, holders: Collection[str]) -> None:
        """What a person has moved meanwhile is not taken back (rule 11)."""
        route = self._route(state)
        why = route.odd or route.moved
        if why or not set(route.holders) <= set(holders):
            raise Refused(
                f"{self._name} {why or 'was changed after the switch was decided'}: it is not "
                "switched"
            )

    def _route(self, state: RecordState) -> TrafficRoute:
        at, claim = state.a.addresses if state.a else (), state.claim
        machines = self._machines(at)
        shares = tuple(_share(one, machines.get(one)) for one in at)
        odd, moved = state.odd, ""
        if not odd and state.a is None:
            odd = "has no A record"
        elif claim is not None and claim.ledger != str(self.ledger):
            odd = f"is claimed by the ledger {claim.ledger}"
        elif claim is not None and claim.at != at:
            last = f"was last pointed to {', '.join(claim.at)}"
            moved = f"says {', '.join(at)}, and {last}: somebody moved it"
        return TrafficRoute(
            self.record.id, shares, odd, address=self._name, record=state.a, moved=moved
        )

    def _machines(self, at: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """The running machine at each of these addresses.

        In another VPC a stranger may have the same private address: ours is the one that is meant.
        """
        found: dict[str, dict[str, Any]] = {}
        reads = Reads(self.aws)
        for name in _BY_ADDRESS if at else ():
            for page in reads.by_filter("describe_instances", name, at):
                listed = (one for each in page["Reservations"] for one in each["Instances"])
                for machine in listed:
                    if machine["State"]["Name"] == "running":
                        ours = self._is_ours(machine)
                        has = (one for one in _addresses(machine) if one in at)
                        found |= {one: machine for one in has if ours or one not in found}
        return found

    def _is_ours(self, machine: dict[str, Any]) -> bool:
        deploy = _deploy_of(machine)
        return deploy is not None and deploy.service == self.ledger.service


def _deploy_of(machine: dict[str, Any]) -> DeployId | None:
    """The deploy of a machine that was born with its tags, or adopted."""
    return DeployId.maybe(proved(machine).get(t.ID))


def _addresses(machine: dict[str, Any]) -> tuple[str, ...]:
    return tuple(filter(None, (machine.get("PrivateIpAddress"), machine.get("PublicIpAddress"))))


def _share(address: str, machine: dict[str, Any] | None) -> Share:
    """Who has an address of the record; nobody of this account is not known."""
    if machine is None:
        return Share(address, 1, targets=(address,))
    id_ = str(machine["InstanceId"])
    return Share(id_, 1, proved(machine), (id_,))
