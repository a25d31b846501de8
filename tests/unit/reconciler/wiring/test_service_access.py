"""Access to a service as configured."""

from __future__ import annotations

import pytest

from reconciler.errors import NoDatabase
from reconciler.wiring.service_access import SshServiceAccess
from tests.fakes.scene import service


def test_without_a_database_the_error_says_where_to_write_it() -> None:
    """Not an empty server: nobody can take it for one that lists nothing."""
    with pytest.raises(NoDatabase) as caught:
        SshServiceAccess(service(database=None), None, None).databases()
    assert caught.value.cure == "write its [database] in services/shop.toml"
