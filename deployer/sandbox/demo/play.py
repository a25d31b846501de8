"""The demo's scenes, in order."""

from __future__ import annotations

import time
from pathlib import Path

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from deployer.sandbox.demo.clients import Clients, ask
from deployer.sandbox.demo.costs import show_costs
from deployer.sandbox.demo.observer import Observer
from deployer.sandbox.demo.stage import SERVICE, Stage

LEASE = 15
DRAIN_LIMIT = 180.0


def play(directory: Path, shape: str) -> int:
    """Play all scenes in a separate sandbox; the exit code: 0 if all checks passed."""
    began = time.monotonic()
    sandbox = Sandbox.at(directory)
    stage, world = Stage(sandbox), Observer(sandbox)
    stage.scene("A private cloud", "An AWS API on loopback, real machines, a real PostgreSQL.")
    sandbox.down()
    sandbox.up(Options(shape=shape))
    _short_lease(sandbox)
    stage.run("deployer", "sandbox", "status", "--dir", str(directory))
    clients = Clients(world.where())
    with clients.at_work():
        _first_release(stage, world)
        _failure(stage, world)
        _sudden_death(stage, world)
        _back_and_forth(stage, world, clients)
    _summary(stage, world, clients)
    # Beside the folder: what is in it must be the sandbox's own.
    page = show_costs(stage, directory.resolve().with_name(f"{directory.name}-costs.html"))
    _poke_around(stage, directory, time.monotonic() - began)
    stage.console.print(f"\nThe costs of all this, as a page: {page}", soft_wrap=True)
    return 1 if stage.failures else 0


def _short_lease(sandbox: Sandbox) -> None:
    """A lease of 15 s, so that nobody waits ten minutes for a dead deployer."""
    path = sandbox.places.config / "services" / f"{SERVICE}.toml"
    path.write_text(f'{path.read_text()}\n[lease]\nlength = "{LEASE}s"\n')


def _first_release(stage: Stage, world: Observer) -> None:
    stage.scene(
        "v1 is live, and not ours yet",
        "Clients ask and write all the time from here on. Adopting changes nothing of v1.",
    )
    machine = next(one for one in world.sandbox.status()["instances"] if one["name"] == SERVICE)
    key = ("--host-key", str(machine["host_key"]))
    stage.run("deployer", "adopt", SERVICE, "--yes", "--release", "v1.4.2", *key)
    stage.scene("v2 is released", "A clone of the live machine, a copy of its database.")
    before = world.led_to()
    stage.run("deployer", "up", SERVICE, "--ref", "v1.5.0")
    after = world.led_to()
    who = "The balancer's group was" if world.balanced else "DNS answered"
    now = "is" if world.balanced else "answers"
    stage.console.print(f"{who} {before}, and {now} {after} now.")
    stage.check(before != after, "traffic has moved")
    stage.check(_version(world) == "v1.5.0", "v1.5.0 answers")


def _failure(stage: Stage, world: Observer) -> None:
    stage.scene("v3 is broken", "It fails its smoke test, and cleans up after itself.")
    before = world.counts()
    stage.run("deployer", "up", SERVICE, "--ref", "v1.6.0", expect=1)
    _check_counts(stage, before, world.counts(), "v3 left nothing behind")
    stage.check(_version(world) == "v1.5.0", "v1.5.0 went on serving")


def _sudden_death(stage: Stage, world: Observer) -> None:
    stage.scene("v4's deployer dies", "kill -9 while the live database is shut for the copy.")
    before = world.counts()

    live = world.live_database()

    def frozen() -> bool:
        return not world.writable(live)

    stage.run_and_kill("deployer", "up", SERVICE, "--ref", "v1.7.0", when=frozen)
    stage.run("deployer", "up", SERVICE, "--ref", "v1.7.0", expect=3)
    stage.console.print(f"\nIts lease runs out by itself: {LEASE} s here, ten minutes otherwise.")
    stage.check(stage.wait(world.lease_has_run_out, 4 * LEASE), "the lease has run out")
    stage.run("deployer", "up", SERVICE, "--ref", "v1.7.0", expect=3)
    stage.run("reconciler", "report")
    stage.check(not world.writable(live), "the dead deployer had left the database shut")
    stage.run("reconciler", "sweep")
    stage.check(world.writable(live), "the live database takes writes again")
    _check_counts(stage, before, world.counts(), "the sweep removed exactly what was left")
    _drained(stage, world)
    stage.run("deployer", "status", SERVICE, "--exit-code")


def _back_and_forth(stage: Stage, world: Observer, clients: Clients) -> None:
    stage.scene(
        "Back to v1, and forward again",
        "v2 has taken orders that v1's database does not have: that is said, and asked for.",
    )
    stage.run("deployer", "rollback", SERVICE, expect=3)
    clients.pause_writing()  # a roll-forward would lose what is written from here on
    stage.run("deployer", "rollback", SERVICE, "--discard-writes")
    stage.check(_version(world) == "v1.4.2", "v1.4.2 answers")
    newer = world.newest_previous()
    stage.run("deployer", "rollback", SERVICE, "--to", newer, "--discard-writes")
    stage.check(_version(world) == "v1.5.0", "v1.5.0 answers again")
    clients.writing.set()
    receipts = len(clients.receipts)
    written = stage.wait(lambda: len(clients.receipts) > receipts, 30)
    stage.check(written, "orders are taken again")


def _summary(stage: Stage, world: Observer, clients: Clients) -> None:
    stage.scene("What the clients saw")
    live = world.live_database()
    found = clients.receipts & world.orders(live)
    lost = len(clients.receipts) - len(found)
    lines = [
        f"requests            {clients.asked}, failed: {len(clients.errors)}",
        f"orders acknowledged {len(clients.receipts)}, found in {live}: {len(found)}",
        f"orders refused      {clients.refused} while a database was shut (clients repeat)",
        f"left in the cloud   {_said(world.counts())}",
    ]
    stage.console.print("\n".join(lines))
    stage.check(not clients.errors, "no request failed", "; ".join(clients.errors[:3]))
    stage.check(clients.asked > 0 and bool(clients.receipts), "the clients were at work")
    stage.check(lost == 0, "no acknowledged order is lost", f"{lost} are missing")
    writable = [one for one in world.databases() if world.writable(one)]
    stage.check(writable == [live], "exactly one database takes writes", ", ".join(writable))
    _drained(stage, world)
    stage.run("reconciler", "plan", "--exit-code")


def _drained(stage: Stage, world: Observer) -> None:
    """Behind a balancer: sweep until no requests are in flight at a group that was left."""
    if not world.balanced:
        return
    stage.console.print("\nRequests to the old group may take 30 s; then a sweep takes it out.")

    def swept() -> bool:
        stage.quietly("reconciler", "sweep")
        return world.drained()

    stage.check(stage.wait(swept, DRAIN_LIMIT), "the old groups have left the balancer")


def _poke_around(stage: Stage, directory: Path, seconds: float) -> None:
    stage.scene("Poke around")
    stage.console.print(
        f'eval "$(.venv/bin/deployer sandbox env --dir {directory})"; PATH="$PWD/.venv/bin:$PATH"\n'
        f"deployer status · deployer up {SERVICE} --ref v1.7.0 · reconciler explain ID\n"
        f"aws ec2 describe-instances · deployer sandbox fault --help\n"
        f"deployer sandbox down --dir {directory}     removes everything",
        soft_wrap=True,
    )
    minutes, rest = divmod(int(seconds), 60)
    if stage.failures:
        stage.console.print(f"\n[red]{len(stage.failures)} checks failed:")
        for one in stage.failures:
            stage.console.print(f"  ✗ {one}", soft_wrap=True)
    else:
        stage.console.print(f"\n[green]Everything held[/green], in {minutes}m {rest:02d}s.")


def _version(world: Observer) -> str:
    _, answer = ask(world.where().address(), "GET", "/healthz")
    return str(answer.get("version"))


def _check_counts(stage: Stage, before: dict[str, int], after: dict[str, int], what: str) -> None:
    stage.console.print(f"in the cloud: {_said(after)}")
    stage.check(before == after, what, f"before {_said(before)}, after {_said(after)}")


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in counts.items())
