"""States in which somebody may find the shop at 3 a.m., and how each is brought about."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop, remove_record, swap_record
from tests.e2e.probes import die_in, live_instance, on_machine
from tests.support.adoption import adopt
from tests.support.company import LEDGER, RECORD

KILLED = ("image", "launch", "connect", "code", "start", "smoke")
"""Steps in which a deployer is killed, and whose state does not hang on the moment. `migrate`, in
which live is shut, is a state of its own; every moment has its test in tests/crash."""


@dataclass(frozen=True)
class NightState:
    """A state: what to do to the shop; the environment and the words that every command gets.

    `outside`: who else must act before the command that is offered can help; '' for nobody.
    """

    bring: Callable[[Shop], None]
    env: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    outside: str = ""


def _adopted(_: Shop) -> None:
    """The state that each begins with."""


def _released(shop: Shop) -> None:
    assert shop.up().code == Exit.DONE


def _killed_in(step: str) -> Callable[[Shop], None]:
    def bring(shop: Shop) -> None:
        with shop.releasing() as release:
            release.wait_for_step(step)
            release.send(signal.SIGKILL)
            release.finish()

    return bring


def _frozen(shop: Shop) -> None:
    die_in(shop, "migrate")


def _frozen_lease_over(shop: Shop) -> None:
    die_in(shop, "migrate")
    shop.let_lease_end()


def _left_over(shop: Shop) -> None:
    die_in(shop, "code")
    shop.let_lease_end()


def _failed(shop: Shop) -> None:
    shop.configure("^install = .*", 'install = ["false"]')
    words = ("up", "shop", "--ref", "v1.5.0", "--keep-failed", "2h")
    assert shop.deployer(*words).code == Exit.FAILED


def _paused(shop: Shop) -> None:
    shop.ok("deployer", "pause", "shop", "--for", "2h", "--reason", "the disk is being grown")


def _unreadable(shop: Shop) -> None:
    swap_record(shop, LEDGER, "TXT", ('"hello world"',))


def _missing_ledger(shop: Shop) -> None:
    remove_record(shop, LEDGER, "TXT")


def _moved(shop: Shop) -> None:
    swap_record(shop, RECORD, "A", ("127.0.0.9",))


def _no_record(shop: Shop) -> None:
    remove_record(shop, RECORD, "A")


def _app_dead(shop: Shop) -> None:
    _released(shop)
    on_machine(shop, live_instance(shop), "sudo -n systemctl stop shop")


def _stopped(shop: Shop) -> None:
    shop.aws("ec2").stop_instances(InstanceIds=[live_instance(shop)["InstanceId"]])


def _denied(shop: Shop) -> None:
    shop.faults.set("DescribeInstances", "error", code="UnauthorizedOperation", status=403, times=0)


def _expired(shop: Shop) -> None:
    shop.faults.set("*", "error", code="ExpiredToken", status=403, times=0)


def _route53_away(shop: Shop) -> None:
    shop.faults.set("route53:*", "error500", times=0)


def _no_database(shop: Shop) -> None:
    shop.configure("^admin    = .*", 'admin = "env:NIGHT_ADMIN"')


def _another_account(shop: Shop) -> None:
    shop.configure("^account = .*", 'account = "999999999999"')


NO_WAY = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
NO_ADMIN = {"NIGHT_ADMIN": "postgresql://admin:x@127.0.0.1:9/postgres"}
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "1"}
STATES: dict[str, NightState] = {
    "clean": NightState(_adopted),
    "released, one to go back to": NightState(_released),
    **{f"killed in {step}": NightState(_killed_in(step)) for step in KILLED},
    "killed in migrate, live shut": NightState(_frozen),
    "the same, its lease is over": NightState(_frozen_lease_over),
    "leftovers, the lease is over": NightState(_left_over),
    "failed, kept as evidence": NightState(_failed),
    "paused by somebody": NightState(_paused),
    "ledger unreadable": NightState(_unreadable),
    "ledger gone": NightState(_missing_ledger),
    "record moved by hand": NightState(_moved),
    "record gone": NightState(_no_record),
    "the app is dead": NightState(_app_dead),
    "live machine stopped": NightState(_stopped),
    "denied": NightState(_denied, outside="whoever may grant what the policy lists"),
    "expired login": NightState(_expired),
    "no credentials": NightState(_adopted, NO_KEYS),
    "another account": NightState(_another_account),
    "no network": NightState(_adopted, NO_WAY),
    "Route 53 fails": NightState(_route53_away),
    "database server away": NightState(
        _no_database, NO_ADMIN, outside="whoever brings the server back"
    ),
    "no configuration": NightState(
        _adopted, {}, ("--config", "/nonexistent"), "who knows the record: a terminal asks for it"
    ),
}


def begin(shop: Shop) -> None:
    """Adopted, and quick to be looked at."""
    shop.look_often(25)
    adopt(shop)
