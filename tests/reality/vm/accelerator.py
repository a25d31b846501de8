"""Whether KVM works, which only a kernel that boots can tell."""

from __future__ import annotations

import subprocess
import threading

from tests.reality.vm.disk import Base
from tests.reality.vm.qemu import qemu

PROBE_SECONDS = 5.0
_FIRST_LINE = b"Linux version"


def choose(base: Base) -> str:
    """`kvm` where a kernel comes to its first line in time, else `tcg`: an emulated processor.

    `/dev/kvm` opens on computers on which a stock kernel then hangs.
    """
    return "kvm" if boots([*qemu("kvm"), *_only_kernel(base)]) else "tcg"


def boots(command: list[str], seconds: float = PROBE_SECONDS) -> bool:
    """Whether a kernel says its first line on the serial port in time."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        limit = threading.Timer(seconds, process.kill)
        limit.start()
        try:
            return any(_FIRST_LINE in line for line in process.stdout)
        finally:
            limit.cancel()
            process.kill()


def _only_kernel(base: Base) -> list[str]:
    words = "console=ttyS0 earlyprintk=ttyS0 panic=-1"
    return ["-kernel", str(base.kernel), "-append", words, "-serial", "stdio", "-no-reboot"]
