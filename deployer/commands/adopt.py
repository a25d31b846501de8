"""`deployer adopt`: brings the machine at the record's address under the ledger.

Ledger first, then the tags, on the instance alone (rule 1): no resource carries our tags that the
ledger does not root. Sweeps delete nothing that no deploy created: `deploy-hold=adopted`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployer.checks import refusals
from deployer.checks.ledger_room import refuse_full
from deployer.checks.live_traffic import refuse_group_member
from deployer.checks.live_units import ask, gate_of, judged
from deployer.checks.other_names import refuse_claimed
from deployer.checks.record_place import refuse_elsewhere
from deployer.checks.served import claim_groups, refuse_unclaimed, seen_through
from deployer.checks.service_state import ServiceState, survey
from deployer.commands.leave import comeback
from deployer.compute import InstanceFacts
from deployer.ports import Ports
from deployer.unfinished import followed
from reconciler.errors import Refused
from reconciler.machine.host_key import PublicHostKey
from reconciler.machine.shell import read_from
from reconciler.machine.ssh import MachineAddress
from reconciler.machine.unit_state import digest
from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live
from reconciler.model.ledger_home import settle
from reconciler.model.reading import Reading
from reconciler.model.resource import INSTANCE
from reconciler.model.tags import Label
from reconciler.wiring.service_access import ssh_address

KEY_WAIT = 20.0


@dataclass(frozen=True)
class Adoption:
    """The result of an adoption: shown for confirmation, then carried out.

    `given` is false for a host key that nobody has vouched for: whatever answers there has it.
    """

    service: str
    instance: InstanceFacts
    at: tuple[str, ...]
    host_key: PublicHostKey
    given: bool
    deploy: DeployId
    already: bool
    replaces: Live | None = None


Confirm = Callable[[Adoption], object]
"""Shows it and asks the user; raises for a no."""


@dataclass(frozen=True)
class AdoptOptions:
    """The user's options.

    host_key  a public key or a `SHA256:` fingerprint; else the machine's key is shown
    release   the release name of what the machine runs
    replace   the deploy-id of the live deploy, which the machine replaces (rule 14)
    """

    host_key: str = ""
    release: str = ""
    replace: str = ""


def adopt(ports: Ports, confirm: Confirm, options: AdoptOptions = AdoptOptions()) -> Adoption:
    """Adopt the machine at the record; idempotent, and finishes an interrupted adoption.

    Raises Refused where the machine belongs to another deploy, where a live deploy is not named by
    `replace`, and where another ledger has the record.
    """
    seen = survey(ports)
    reading = _readable(ports, seen)
    wanted = _adoption(ports, reading, options.host_key)
    refuse_unclaimed(ports, wanted.deploy)
    _refuse_full_of_tags(wanted.instance, _tags(ports, wanted, options.release))
    _refuse_unnamed(wanted, options.replace)
    confirm(wanted)
    _refuse_units(ports, wanted)
    new = _ledger(ports, reading, wanted)
    comeback.give_memory(ports, reading, wanted.deploy)
    if new != reading.ledger:
        # The A record is in the batch unchanged: the batch fails if somebody changes it meanwhile.
        at = wanted.at if ports.managed.traffic.in_batch else None
        ports.managed.ledgers.swap(reading, new, at)
    with followed(f"{wanted.service} has its ledger", f"deployer adopt {wanted.service}"):
        ports.compute.tag([wanted.instance.id], _tags(ports, wanted, options.release))
        claim_groups(ports, wanted.deploy, options.release)
    return wanted


def nobody_compared(wanted: Adoption) -> Refused:
    """Refuse `--yes` for a host key that nobody has given: it would be pinned for good."""
    shown, again = wanted.host_key.fingerprint, f"deployer adopt {wanted.service} --yes"
    return Refused(
        f"{wanted.at[0]} shows the host key {shown}, which nobody has compared",
        cure=(
            "On the machine's console     ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n"
            f"If it is the same            {again} --host-key {shown}\n"
            f"To pin whatever answers      {again} --trust-shown-key"
        ),
    )


def _readable(ports: Ports, seen: ServiceState) -> Reading:
    name = ports.managed.name
    if seen.reading is None or seen.service_plan.problem:
        raise refusals.unknown(seen.service_plan.root)
    lease = seen.ledger.lease
    if lease is not None:
        raise refusals.held(seen.service_plan, lease, f"deployer adopt {name}")
    reading = seen_through(ports, seen.reading)
    if reading.a is None:
        refuse_elsewhere(ports, seen.reading)
        raise _nothing(ports)
    return reading


def _nothing(ports: Ports) -> Refused:
    has = "has no A record" if ports.managed.traffic.by_address else "leads to no machine"
    return Refused(
        f"{ports.service.record} {has}: there is nothing to adopt",
        cure=f"A first release from a base image   deployer up {ports.managed.name}",
    )


def _adoption(ports: Ports, reading: Reading, host_key: str) -> Adoption:
    addresses = reading.a.addresses if reading.a else ()
    machine = _machine_at(ports, addresses)
    refuse_group_member(machine.id, machine.tags, f"deployer adopt {ports.managed.name}")
    live = reading.ledger.live
    already = live is not None and live.at == addresses
    deploy = live.id if live and already else comeback.deploy_of(ports, reading, machine)
    _refuse_another(machine, deploy)
    given = host_key.startswith("ssh-")
    reached = _address(ports, machine, addresses[0])
    key = PublicHostKey.parse(host_key) if given else _shown(ports, reached, host_key)
    pinned = already and machine.tags.get(t.HOST_KEY) == key.tag_value
    return Adoption(
        service=ports.managed.name,
        instance=machine,
        at=addresses,
        host_key=key,
        given=bool(host_key) or pinned,
        deploy=deploy,
        already=already,
        replaces=None if already else live,
    )


def _refuse_unnamed(wanted: Adoption, replace: str) -> None:
    """Nobody is unlived by absence (rule 14): to replace the live deploy, the user names it."""
    live = wanted.replaces
    if live is None or replace == str(live.id):
        return
    raise Refused(
        f"{live.id} is live at {', '.join(live.at)}: adopting {wanted.instance.id} replaces it, "
        "stops its jobs and shuts its database",
        cure=(
            f"If the record was moved by mistake    point it back to {', '.join(live.at)}\n"
            f"To replace it    deployer adopt {wanted.service} --replace {live.id}"
        ),
    )


def _machine_at(ports: Ports, addresses: tuple[str, ...]) -> InstanceFacts:
    found = ports.compute.find_instances_at(addresses)
    if len(found) == 1 and len(addresses) == 1:
        return found[0]
    what = f"{len(found)} machines of this account" if len(found) != 1 else "one machine"
    raise Refused(
        f"{ports.service.record} says {', '.join(addresses)}, held by {what}: adopting wants "
        "exactly one address and one machine",
        cure="point the record at one machine of this account and region first",
    )


def _refuse_another(machine: InstanceFacts, deploy: DeployId) -> None:
    tagged = machine.tags.get(t.ID)
    if tagged is None:
        return
    if tagged == str(deploy):
        _refuse_born(machine, deploy)
        return
    named = DeployId.maybe(tagged)
    if named is not None and named.service != deploy.service:
        cure = (
            f"To see how it stands       deployer status {named.service}\n"
            "If the tags are a copy     remove the deploy-* tags from it, then adopt again"
        )
    else:  # of this ledger it would be live, or the service unknown
        cure = (
            f"If it moves to this ledger   deployer move {deploy.service}\n"
            "If the tags are a copy       remove the deploy-* tags from it, then adopt again"
        )
    raise Refused(
        f"{machine.id} carries the deploy-id {tagged}: it already belongs to that deploy", cure=cure
    )


def _refuse_born(machine: InstanceFacts, deploy: DeployId) -> None:
    """A machine that a deploy created is under the ledger; with a hold it would stay forever."""
    if machine.tags.get(t.HOLD) == t.HELD_BY_ADOPTION:
        return
    raise Refused(
        f"{machine.id} is live as {deploy} and was not adopted: there is nothing to adopt",
        cure=f"To see how it stands     deployer status {deploy.service}\n"
        f"If it was adopted once and its hold was taken off:\n"
        f"reconciler hold {machine.id} {t.HELD_BY_ADOPTION}",
    )


def _refuse_full_of_tags(machine: InstanceFacts, wanted: Mapping[str, str]) -> None:
    """Before the ledger is written: a rooted machine without our tags would be half adopted."""
    later = {t.ID, t.SHARES, t.RELEASE, *wanted}
    has = {key for key in machine.tags if not key.startswith("aws:")}
    over = len(has | later) - t.TAGS_LIMIT
    if over > 0:
        raise Refused(
            f"{machine.id} has {len(has)} tags, and we write {len(later - has)} more: AWS takes "
            f"{t.TAGS_LIMIT}",
            cure=f"aws ec2 delete-tags --resources {machine.id} --tags Key=…   ({over} at least)",
        )


def _address(ports: Ports, machine: InstanceFacts, at: str) -> MachineAddress:
    """Where the machine is reached: at the record's address, if it has one and SSH is direct."""
    if ports.service.ssh.via == "direct" and ports.managed.traffic.by_address:
        return MachineAddress(at, machine.id)
    return ssh_address(ports.service, machine.id, machine.private_address, machine.public_address)


def _shown(ports: Ports, address: MachineAddress, fingerprint: str) -> PublicHostKey:
    shown = ports.connector.shown_key(address, KEY_WAIT)
    if fingerprint and shown.fingerprint != fingerprint:
        raise Refused(
            f"{address} shows the host key {shown.fingerprint}, not {fingerprint}",
            cure="somebody else may be answering at that address: compare on its console",
        )
    return shown


def _refuse_units(ports: Ports, wanted: Adoption) -> None:
    """A unit that does not exist would not be gated on any clone of this machine."""
    reached = _address(ports, wanted.instance, wanted.at[0])
    known = read_from(
        lambda: ports.connector.connect(reached, wanted.host_key, KEY_WAIT, time.sleep),
        lambda shell: ask(shell, wanted.instance.id, gate_of(ports)),
    )
    judged(ports, [known])


def _ledger(ports: Ports, reading: Reading, wanted: Adoption) -> Ledger:
    """The ledger after the adoption; fields that an older version did not write are added."""
    managed, old = ports.managed, reading.ledger
    if old.home is None:
        refuse_claimed(managed, wanted.at)
    old = settle(old, managed.address)
    ids = (wanted.instance.id,)
    if not wanted.already:
        live = Live(wanted.deploy, wanted.at, ids)
        new = ledger_transitions.adopt(old, live, reading.now)
        refuse_full(new, wanted.deploy, reading.now)
        return new
    whole = reading.ledger.home == managed.address.home
    if whole and old.live is not None and old.live.ids == ids:
        return old
    return ledger_transitions.identify(old, ids)


def _tags(ports: Ports, wanted: Adoption, release: str) -> dict[str, str]:
    tags = {
        t.ID: str(wanted.deploy),
        t.STATE: Label.LIVE.value,
        t.LEDGER: str(ports.managed.address),
        t.PART: t.part(INSTANCE, ports.managed.home.place),
        t.HOST_KEY: wanted.host_key.tag_value,
        t.HOLD: t.HELD_BY_ADOPTION,
        t.BY: ports.by,
        # The machine runs all units: it needs a change only when this set changes later.
        t.UNITS: digest(gate_of(ports)),
    }
    return tags | ({t.RELEASE: release} if release else {})
