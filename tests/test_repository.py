"""The repository keeps its own promises: sizes, names, examples that load, locks that answer."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from grimp import ImportGraph
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel

from reconciler.config.loader import load
from reconciler.config.reconciler import Reconciler
from reconciler.config.service import Service
from scripts.import_contracts import impurities
from scripts.setup_venv import uv_environment
from tests.support.share import a_tenth, is_of_the_day

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("deployer", "reconciler", "tests", "scripts", "config", "docs", ".ci")
LONGEST_FILE = 300
LONGEST_TESTS = 500
LONGEST_FUNCTION = 40
USUAL_FUNCTION = 14
OVERSIZE: dict[str, str] = {}
"""Files or functions (`path::name`) that may be longer, each with its reason."""


def committed() -> list[Path]:
    """Every file of the project, without what tools leave beside them."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    found = [path for path in (*ROOT.iterdir(), *inside) if path.is_file()]
    ours = [path for path in found if path.name != ".git"]  # a file in a worktree of git's
    return [path for path in ours if path.suffix != ".pyc" and not path.name.startswith(".cov")]


def name(path: Path) -> str:
    """A path as the project's people say it."""
    return path.relative_to(ROOT).as_posix()


FILES = committed()
PYTHON = sorted(path for path in FILES if path.suffix == ".py")


@dataclass(frozen=True)
class Function:
    """A function's lines, with and without its docstring, and whether it has one."""

    name: str
    lines: int
    code: int
    silent: bool


@dataclass(frozen=True)
class Module:
    """What the promises ask of a file; without its tree, which would be much to keep."""

    lines: int
    silent: bool
    classes: tuple[str, ...]
    functions: tuple[Function, ...]


@cache
def read(path: Path) -> Module:
    """The module, parsed once for all the promises."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    functions = tuple(
        measured(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    classes = tuple(node.name for node in tree.body if isinstance(node, ast.ClassDef))
    return Module(text.count("\n"), bool(tree.body) and silent(tree), classes, functions)


def silent(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it has no docstring."""
    return not ast.get_docstring(node)


def measured(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    """How long a function is."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    text = node.body[0] if ast.get_docstring(node) is not None else None
    docstring = text.end_lineno - text.lineno + 1 if text and text.end_lineno else 0
    return Function(node.name, lines, lines - docstring, silent(node))


def too_long(path: Path) -> Iterator[str]:
    """What in this file is longer than it may be, with its length."""
    module = read(path)
    limit = LONGEST_TESTS if path.is_relative_to(ROOT / "tests") else LONGEST_FILE
    if module.lines > limit and name(path) not in OVERSIZE:
        yield f"{name(path)}: {module.lines} lines"
    for one in module.functions:
        if one.lines > LONGEST_FUNCTION and f"{name(path)}::{one.name}" not in OVERSIZE:
            yield f"{name(path)}::{one.name}: {one.lines} lines"


def test_no_file_and_no_function_is_too_long() -> None:
    """Files stay below 300 lines (tests: 500), functions below 40: longer ones have two jobs."""
    found = [one for path in PYTHON for one in too_long(path)]
    assert not found, "\n".join(found)


def test_nine_functions_of_ten_are_short() -> None:
    """Of the product without the sandbox, at least 90 % have 14 lines or fewer."""
    lengths = [
        one.code
        for path in PYTHON
        if name(path).startswith(("reconciler/", "deployer/")) and "sandbox" not in path.parts
        for one in read(path).functions
    ]
    long = sum(length > USUAL_FUNCTION for length in lengths)
    assert long * 10 <= len(lengths), f"{long} of {len(lengths)} functions are longer"


def modules_in(folder: Path) -> list[str]:
    """The modules of a package, without its `__init__.py`."""
    return [path.stem for path in folder.glob("*.py") if path.name != "__init__.py"]


PACKAGES = sorted(
    path.parent
    for product in ("reconciler", "deployer")
    for path in (ROOT / product).rglob("__init__.py")
)
REGISTRY = ROOT / "reconciler/aws/kinds"
"""One module a kind of resource: it grows with the kinds."""


@pytest.mark.parametrize("folder", PACKAGES, ids=name)
def test_no_folder_is_too_full(folder: Path) -> None:
    """At most a dozen modules and fifteen packages: more have two reasons."""
    assert len(modules_in(folder)) <= 12 or folder == REGISTRY
    assert len([one for one in folder.iterdir() if (one / "__init__.py").exists()]) <= 15


def test_no_public_class_stands_twice() -> None:
    """One name means one thing in the two products; the sandbox imitates other people's words."""
    found: dict[str, list[str]] = {}
    for path in (one for one in PYTHON if name(one).startswith(("reconciler/", "deployer/"))):
        for one in read(path).classes if "sandbox" not in path.parts else ():
            if not one.startswith("_"):
                found.setdefault(one, []).append(name(path))
    assert {one: paths for one, paths in found.items() if len(paths) > 1} == {}


def test_every_exception_to_the_sizes_is_still_needed() -> None:
    """An exception for a file that is gone is taken off the list."""
    assert [one for one in OVERSIZE if not (ROOT / one.partition("::")[0]).exists()] == []


def test_every_module_says_why_it_is() -> None:
    """Each Python file that holds anything begins with a docstring, the tests included."""
    found = [name(path) for path in PYTHON if read(path).silent]
    assert not found, "\n".join(found)


def test_every_test_says_the_behaviour() -> None:
    """Each test function has a docstring: the list of them reads as what the product does."""
    tests = [path for path in PYTHON if path.name.startswith("test_")]
    found = [
        f"{name(path)}::{one.name}"
        for path in tests
        for one in read(path).functions
        if one.name.startswith("test_") and one.silent
    ]
    assert not found, "\n".join(found)


def test_no_file_names_this_machine_or_a_registry() -> None:
    """What is committed works elsewhere: no path of a workplace, no host of a package index."""
    places = ["/wor" + "k/", "/opt/" + "pypi", "/ro" + "ot/.", "/tmp/" + "brief", "/home/" + "user"]
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "deb." + "debian.org"]
    found = [
        f"{name(path)} names {word}"
        for path in FILES
        for word in (*places, *hosts)
        if word.encode() in path.read_bytes()
    ]
    assert not found, "\n".join(found)


def test_make_help_lists_every_target() -> None:
    """Whatever can be made is found by asking."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "help"], cwd=ROOT, text=True, capture_output=True, check=True)
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", shown.stdout, re.MULTILINE))
    assert listed == set(phony[1].split())


def tables(annotation: object) -> Iterator[type[BaseModel]]:
    """The tables that a field of the schema can hold: itself, optional or repeated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from tables(inner)


def keys(schema: type[BaseModel]) -> Iterator[str]:
    """Every key of a configuration file, tables' keys included."""
    for field, info in schema.model_fields.items():
        inner = list(tables(info.annotation))
        if not inner:
            yield info.alias or field
        for table in inner:
            yield from keys(table)


EXAMPLES = [("services/shop.toml", Service, {"name"}), ("reconciler.toml", Reconciler, {"roles"})]


@pytest.mark.parametrize(("file", "schema", "unsaid"), EXAMPLES)
def test_the_example_configuration_explains_every_key(
    file: str, schema: type[BaseModel], unsaid: set[str]
) -> None:
    """Whoever reads the example knows the schema: each key is there, set or as a comment."""
    said = set(re.findall(r"^#?([a-z_]+) *=", (ROOT / "config" / file).read_text(), re.MULTILINE))
    assert set(keys(schema)) - unsaid - said == set()


def test_the_example_configuration_loads() -> None:
    """The example is a configuration, not a sketch of one."""
    assert list(load(ROOT / "config").services) == ["shop"]


def test_what_the_example_shows_as_comments_loads_too(tmp_path: Path) -> None:
    """Taking the comment sign off gives a valid file, but for keys that exclude each other."""
    alone = (
        "#carry ",
        "#pending ",
        '#command = "connect',
        "#listener ",
        "#allocation ",
        "#ledger ",
    )
    (tmp_path / "services").mkdir()
    for file, *_ in EXAMPLES:
        lines = (ROOT / "config" / file).read_text(encoding="utf-8").splitlines()
        shown = [line for line in lines if not line.startswith(alone)]
        text = "\n".join(re.sub(r"^#(?=[a-z_0-9]+ *=|\[)", "", line) for line in shown)
        (tmp_path / file).write_text(text, encoding="utf-8")
    loaded = load(tmp_path)
    assert loaded.service("shop").instance.tags == {"team": "checkout"}
    assert loaded.reconciler.roles["123456789012"].endswith("role/reconciler")


@pytest.mark.parametrize("policy", sorted((ROOT / "config/iam").glob("*.json")), ids=name)
def test_policies_never_allow_what_the_protocol_forbids(policy: Path) -> None:
    """No policy allows UPSERT, a wildcard action, or a delete that does not ask for our tag."""
    for statement in json.loads(policy.read_text(encoding="utf-8"))["Statement"]:
        action = statement["Action"]
        actions = [action] if isinstance(action, str) else action
        assert not [one for one in actions if "*" in one]
        if "route53:ChangeResourceRecordSets" in actions:
            rule = statement["Condition"]["ForAllValues:StringEquals"]
            assert rule["route53:ChangeResourceRecordSetsActions"] == ["CREATE", "DELETE"]
        if statement["Effect"] == "Allow" and "ec2:TerminateInstances" in actions:
            assert "aws:ResourceTag/deploy-id" in statement["Condition"]["StringLike"]
            assert statement["Condition"]["Null"] == {"aws:ResourceTag/deploy-hold": "true"}


def locked(file: str) -> dict[str, str]:
    """Name and version of everything in a lock."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE))


def test_the_lock_answers_what_the_project_asks_for() -> None:
    """Every dependency is locked at a version it admits; `make lock` was not forgotten."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["sandbox"],
        *project["dependency-groups"]["dev"],
    ]
    lock = locked("requirements.lock")
    wants = map(Requirement, asked)
    unmet = [str(r) for r in wants if lock.get(canonicalize_name(r.name), "0") not in r.specifier]
    assert unmet == []
    assert set(locked("requirements-bootstrap.lock")) == {"uv"}
    assert "ministack" in locked("requirements-second-opinion.lock")
    assert "ministack" not in lock, "a second opinion is asked for, never depended on"


def test_uv_gets_the_index_that_pip_is_told_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's index and certificate stand in pip's settings, which uv does not read."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    env = uv_environment(
        "global.cert='/etc/company.pem'\n"
        "global.index-url='https://index.example/simple'\n"
        "global.extra-index-url='https://a.example https://b.example'\n"
        "global.timeout='60'\n"
        ":env:.index-url='https://nearer.example/simple'\n"
    )
    assert env["UV_DEFAULT_INDEX"] == "https://nearer.example/simple"
    assert env["UV_INDEX"].split() == ["https://a.example", "https://b.example"]
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["SSL_CERT_FILE"] == "/etc/company.pem"


def test_what_is_said_to_uv_itself_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets uv's own variable means it."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    env = uv_environment("global.index-url='https://index.example/simple'\n")
    assert env["UV_DEFAULT_INDEX"] == "https://mine.example/simple"


def test_the_contract_for_pure_modules_finds_what_is_not_pure() -> None:
    """The contract bites: an edge, a third party and the clock are found, plain values are not."""
    graph = ImportGraph()
    graph.add_module("app.pure")
    for module in ("app.edge", "boto3", "datetime", "time"):
        graph.add_module(module, is_squashed=module == "boto3")
        graph.add_import(importer="app.pure", imported=module)
    assert impurities(graph, "app.pure") == {"app.edge", "boto3", "time"}


def test_every_slow_test_has_its_day() -> None:
    """Three days in a row, over the turn of a year, see each of them once."""
    names = [f"tests/e2e/test_x.py::test_{number}" for number in range(100)]
    first = date(2026, 12, 30).toordinal()
    days = [{one for one in names if is_of_the_day(one, 3, first + n)} for n in range(3)]
    assert sorted(one for day in days for one in day) == sorted(names)
    assert all(days)


@pytest.mark.parametrize("number", [1, 7, 10, 11, 25])
def test_every_test_on_real_machines_has_its_day(number: int) -> None:
    """Ten days in a row see each of them, and no day is without."""
    names = {f"tests/reality/test_x.py::test_{one}" for one in range(number)}
    days = [a_tenth(names, 739_000 + one) for one in range(10)]
    assert set().union(*days) == names
    assert all(days)


FLAKY = """
from pathlib import Path
def test_green(): pass
def test_always(): assert {stays}
def test_at_first():
    seen = Path("seen").exists()
    Path("seen").touch()
    assert seen
"""


@pytest.mark.parametrize(("stays", "code"), [(True, 0), (False, 1)])
def test_the_second_try_names_what_it_hides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stays: bool, code: int
) -> None:
    """What is green alone is on the last lines; what stays red fails the run, and is not there."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # quick, and in the order written
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_flaky.py").write_text(FLAKY.format(stays=stays))

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *argv], cwd=tmp_path, text=True, capture_output=True, check=False
        )

    assert run("-m", "pytest").returncode == 1
    again = run(str(ROOT / "scripts" / "second_try.py"))
    assert again.returncode == code, again
    assert again.stdout.splitlines()[-2:] == [
        "HIDDEN by the second try, red at first and green alone (1):",
        "test_flaky.py::test_at_first",
    ]


def test_the_second_try_does_not_make_a_broken_run_green(tmp_path: Path) -> None:
    """The suite failed though no test was red: there is nothing to try again."""
    script = [sys.executable, str(ROOT / "scripts" / "second_try.py")]
    assert subprocess.run(script, cwd=tmp_path, check=False).returncode == 1
