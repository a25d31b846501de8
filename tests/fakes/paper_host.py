"""Machines that exist only on paper: a `MachineHost` without processes.

For tests of the API alone, which must not pay for real machines. Nothing listens anywhere; a
test decides what goes wrong (`fail_next`) and what is slow (`hold`, `let_go`).
"""

from __future__ import annotations

import threading

from deployer.sandbox.machine_host import BootSpec


class HostBroke(RuntimeError):
    """What a paper host raises where it was told to fail."""


class PaperHost:
    """Keeps books on machines and images; see `MachineHost` for what each method means.

    `machines` maps an instance id to `up`, `halted` or `stopped`; `specs` keeps what each was
    booted with; every image counts as present until it is dropped.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failing: dict[str, int] = {}
        self._held: set[str] = set()
        self.machines: dict[str, str] = {}
        self.specs: dict[str, BootSpec] = {}
        self.images: dict[str, str] = {}
        self.dropped: set[str] = set()
        self.reboots: list[str] = []
        self.consoles: dict[str, bytes] = {}
        self.accepted: list[tuple[str, str, str]] = []

    # What a test says

    def fail_next(self, method: str, after: int = 0) -> None:
        """Let the next call of `method` raise `HostBroke`, after `after` good ones."""
        with self._lock:
            self._failing[method] = after

    def hold(self, thing_id: str) -> None:
        """Keep this machine from coming up, or this image's copy from ending."""
        with self._lock:
            self._held.add(thing_id)

    def hold_all(self) -> None:
        """Hold everything, also what is yet to be made."""
        self.hold("*")

    def let_go(self, thing_id: str = "*") -> None:
        """End a `hold`."""
        with self._lock:
            self._held.discard(thing_id)

    def halt(self, instance_id: str) -> None:
        """As if somebody ran `shutdown -h` inside the machine."""
        with self._lock:
            self.machines[instance_id] = "halted"

    # What the API asks

    def has_image(self, image_id: str) -> bool:
        return image_id not in self.dropped

    def create(self, spec: BootSpec) -> None:
        self._maybe_fail("create")
        with self._lock:
            self.specs[spec.instance_id] = spec
            self.machines[spec.instance_id] = "up"

    def is_up(self, instance_id: str) -> bool:
        return self.machines.get(instance_id) == "up" and not self._is_held(instance_id)

    def has_halted(self, instance_id: str) -> bool:
        return self.machines.get(instance_id) == "halted"

    def start(self, instance_id: str) -> None:
        self._maybe_fail("start")
        with self._lock:
            self.machines[instance_id] = "up"

    def stop(self, instance_id: str) -> None:
        self._maybe_fail("stop")
        with self._lock:
            self.machines[instance_id] = "stopped"

    def reboot(self, instance_id: str) -> None:
        self._maybe_fail("reboot")
        with self._lock:
            self.reboots.append(instance_id)

    def terminate(self, instance_id: str) -> None:
        self._maybe_fail("terminate")
        with self._lock:
            self.machines.pop(instance_id, None)

    def copy_disk(self, instance_id: str, image_id: str) -> None:
        self._maybe_fail("copy_disk")
        with self._lock:
            self.images[image_id] = instance_id

    def image_ready(self, image_id: str) -> bool:
        return image_id not in self.dropped and not self._is_held(image_id)

    def drop_image(self, image_id: str) -> None:
        self._maybe_fail("drop_image")
        with self._lock:
            self.images.pop(image_id, None)
            self.dropped.add(image_id)

    def accept_key(self, instance_id: str, user: str, public: str) -> None:
        self.accepted.append((instance_id, user, public))

    def console(self, instance_id: str) -> bytes:
        return self.consoles.get(instance_id, b"")

    def reset(self, keep_images: frozenset[str]) -> None:
        with self._lock:
            self.machines.clear()
            self.specs.clear()
            self.images = {k: v for k, v in self.images.items() if k in keep_images}
            self.dropped.clear()
            self.reboots.clear()
            self.consoles.clear()
            self._held.clear()
            self._failing.clear()

    def _is_held(self, thing_id: str) -> bool:
        return thing_id in self._held or "*" in self._held

    def _maybe_fail(self, method: str) -> None:
        with self._lock:
            left = self._failing.get(method)
            if left is None:
                return
            if left > 0:
                self._failing[method] = left - 1
                return
            del self._failing[method]
        raise HostBroke(f"{method} was told to fail")
