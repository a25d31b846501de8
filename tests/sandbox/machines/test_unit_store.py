"""Which unit file wins, and what enable and mask change, as in systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.sandbox.machines.systemd.unit_store import UnitProblem, UnitStore

ETC, RUN = "etc/systemd/system", "run/systemd/system"
LOCAL, VENDOR = "usr/local/lib/systemd/system", "usr/lib/systemd/system"


@pytest.fixture
def store(tmp_path: Path) -> UnitStore:
    """Units below a directory of the test's."""
    return UnitStore(tmp_path)


def write(store: UnitStore, path: str, command: str = "/bin/true", more: str = "") -> None:
    """A unit file."""
    file = store.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[Service]\nExecStart={command}\n{more}")


def command(store: UnitStore, name: str = "a.service") -> str:
    """What the unit would run."""
    return store.load(name).exec_start[0].words[0]


def test_etc_wins_over_run_over_local_over_vendor(store: UnitStore) -> None:
    """The load path's order decides, whatever came last."""
    for directory in (VENDOR, LOCAL, RUN, ETC):
        write(store, f"{directory}/a.service", f"/bin/{directory.split('/', maxsplit=1)[0]}")
        assert command(store) == f"/bin/{directory.split('/', maxsplit=1)[0]}"


def test_a_runtime_mask_does_not_reach_a_unit_in_etc(store: UnitStore) -> None:
    """The trap of `mask --runtime`: /etc comes first."""
    write(store, f"{ETC}/a.service")
    store.mask("a.service", runtime=True)
    assert not store.is_masked("a.service")
    assert command(store) == "/bin/true"


def test_a_runtime_mask_hides_a_vendors_unit(store: UnitStore) -> None:
    """And is told apart from a lasting one."""
    write(store, f"{VENDOR}/a.service")
    store.mask("a.service", runtime=True)
    assert store.state("a.service") == "masked-runtime"
    with pytest.raises(UnitProblem, match="masked"):
        store.load("a.service")
    store.unmask("a.service", runtime=True)
    assert command(store) == "/bin/true"


def test_a_real_file_in_etc_cannot_be_masked(store: UnitStore) -> None:
    """The trap of `mask`: it refuses rather than replace the file."""
    write(store, f"{ETC}/a.service")
    with pytest.raises(UnitProblem, match="already exists"):
        store.mask("a.service", runtime=False)
    assert command(store) == "/bin/true"


def test_a_mask_needs_no_unit_and_undoes_once(store: UnitStore) -> None:
    """What does not exist may be masked; masking twice says nothing the second time."""
    assert store.mask("a.service", runtime=False)
    assert not store.mask("a.service", runtime=False)
    assert store.state("a.service") == "masked"
    assert store.unmask("a.service", runtime=False)
    assert store.state("a.service") == "not-found"


def test_drop_ins_add_in_the_order_of_their_names(store: UnitStore) -> None:
    """Wherever they lie; the same name in /etc hides the vendor's; a null link hides it too."""
    write(store, f"{VENDOR}/a.service")
    for path, value in (
        (f"{VENDOR}/a.service.d/20.conf", "vendor"),
        (f"{ETC}/a.service.d/20.conf", "etc"),
        (f"{RUN}/a.service.d/10.conf", "run"),
        (f"{VENDOR}/service.d/05.conf", "all"),
        (f"{VENDOR}/a.service.d/30.conf", "hidden"),
    ):
        file = store.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"[Service]\nEnvironment={value}=1\n")
    (store.root / ETC / "a.service.d/30.conf").symlink_to("/dev/null")
    assert list(store.load("a.service").environment) == ["all", "run", "etc"]


def test_enable_links_and_disable_unlinks(store: UnitStore) -> None:
    """Enabled units start at boot; one without [Install] is static."""
    write(store, f"{VENDOR}/a.service", more="[Install]\nWantedBy=multi-user.target\n")
    write(store, f"{VENDOR}/b.service")
    assert (store.state("a.service"), store.state("b.service")) == ("disabled", "static")
    assert store.enable("a.service")
    assert not store.enable("a.service")
    assert store.enabled() == ["a.service"]
    assert store.state("a.service") == "enabled"
    assert store.disable("a.service")
    assert store.enabled() == []


def test_an_alias_is_a_name(store: UnitStore) -> None:
    """A link to a unit, made by enable, loads that unit."""
    write(store, f"{VENDOR}/a.service", more="[Install]\nAlias=b.service\n")
    store.enable("a.service")
    (store.root / ETC / "b.service").unlink()
    (store.root / ETC / "b.service").symlink_to(store.root / VENDOR / "a.service")
    assert command(store, "b.service") == "/bin/true"


def test_templates_serve_their_instances(store: UnitStore) -> None:
    """`job@x` is made from `job@`."""
    write(store, f"{ETC}/job@.service", "/bin/%i")
    assert command(store, "job@x.service") == "/bin/x"


@pytest.mark.parametrize("name", ["none.service", "none@x.service"])
def test_an_unknown_unit(store: UnitStore, name: str) -> None:
    """Not found has a code of its own."""
    with pytest.raises(UnitProblem, match="not found") as problem:
        store.load(name)
    assert problem.value.code == 5
