"""Access to a service as configured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import CannotConnect, NoDatabase
from reconciler.model import tags as t
from reconciler.util.secret import Secret
from reconciler.wiring.service_access import SshConnector, SshServiceAccess
from tests.fakes.scene import service
from tests.support.shop_world import ALL


def test_without_a_database_the_error_says_where_to_write_it() -> None:
    """Not an empty server: nobody can take it for one that lists nothing."""
    with pytest.raises(NoDatabase) as caught:
        SshServiceAccess(service(database=None), None, None).databases()
    assert caught.value.cure == "write its [database] in services/shop.toml"


def test_a_machine_whose_key_is_not_known_is_not_connected_to() -> None:
    """Whoever answers at its address would be believed."""
    said = service()
    access = SshServiceAccess(said, SshConnector(said, lambda _: Secret("")), None)
    tags = {name: value for name, value in ALL[0].tags.items() if name != t.HOST_KEY}
    with pytest.raises(CannotConnect, match="its host key is not known") as caught:
        access.shell(replace(ALL[0], tags=tags, addresses=("127.0.0.1",)))
    assert caught.value.kind == "host-key-mismatch"
