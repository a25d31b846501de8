"""A loopback range for every sandbox: free ones are found, taken ones are left alone."""

from __future__ import annotations

import socket
from contextlib import closing

from deployer.sandbox.network import loopback_range


def test_two_claims_get_two_ranges() -> None:
    """A range is one sandbox's as long as its guard is open."""
    first, second = loopback_range.claim(), loopback_range.claim()
    with closing(first.guard), closing(second.guard):
        assert first.number != second.number
        assert first.cidr == f"127.{first.number}.0.0/16"


def test_a_range_is_free_again_when_its_guard_is_closed() -> None:
    """No file remembers a claim: a killed sandbox gives its range back."""
    first = loopback_range.claim()
    first.guard.close()
    again = loopback_range.claim()
    with closing(again.guard):
        assert again.number <= first.number


def test_a_range_in_which_somebody_listens_is_passed_over() -> None:
    """A machine that outlived its sandbox must not answer for a new one."""
    probe = loopback_range.claim()
    probe.guard.close()
    with closing(socket.create_server((f"127.{probe.number}.0.5", 0))):
        claimed = loopback_range.claim()
        with closing(claimed.guard):
            assert claimed.number != probe.number
