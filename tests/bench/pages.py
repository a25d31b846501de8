"""What a page costs the client: of the tag index, and of the descriptions that it replaces."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.parsers import EC2QueryParser, ResponseParserFactory
from botocore.session import Session

from reconciler.aws.client.ec2_parser import LeanParser
from tests.bench.fleet import REGION
from tests.bench.measure import serving
from tests.bench.page import goal, table
from tests.support.aws_api import ENVIRONMENT

SIZE = 1000
RUNS = 9
LEAST = 50.0
"""How often a page of 1,000 rows should go into one of 1,000 machines."""

_WORDS = """\
Milliseconds of CPU for the bytes of one answer of 1,000 rows or machines, medians of 9, in one
process, in turn. A full sweep reads the first, six rows a machine with its volume and interface;
a tool that describes reads the last, and as many pages of volumes and of interfaces.
"""


class _Keeping(EC2QueryParser):
    """botocore's own, which keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[Any, Any]] = []

    def parse(self, response: Any, shape: Any) -> Any:
        self.kept.append((response, shape))
        return super().parse(response, shape)


class _Parsers(ResponseParserFactory):
    def __init__(self, parser: _Keeping) -> None:
        super().__init__()
        self._parser = parser

    def create_parser(self, protocol_name: str) -> Any:
        return self._parser if protocol_name == "ec2" else super().create_parser(protocol_name)


def measure(_: Path) -> Iterator[str]:
    """One page of each, read again and again."""
    yield _WORDS
    with serving(SIZE, 0) as box:
        tags, machines = _answers(box.endpoint)
    ways = {
        "DescribeTags, by our reading": (LeanParser(), tags),
        "DescribeTags, by botocore's": (EC2QueryParser(), tags),
        "DescribeInstances, by botocore's": (EC2QueryParser(), machines),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _run in range(RUNS):
        for name, (parser, answer) in ways.items():
            times[name].append(_milliseconds(parser, answer))
    found = {name: statistics.median(one) for name, one in times.items()}
    ours, stock, described = found.values()
    yield from table("page | ms", (f"{name} | {one:.1f}" for name, one in found.items()))
    yield ""
    yield f"Our reading is {stock / ours:.1f} × as fast as botocore's."
    words = f"a page of the index costs {LEAST:.0f} × less than a page of machines"
    yield goal(described / ours >= LEAST, f"{words}; {described / ours:.0f} × here")


def _answers(endpoint: str) -> list[tuple[Any, Any]]:
    os.environ.update(ENVIRONMENT)
    parser = _Keeping()
    session = Session()
    session.register_component("response_parser_factory", _Parsers(parser))
    client: Any = session.create_client(
        "ec2", region_name=REGION, endpoint_url=endpoint, config=Config(read_timeout=120)
    )
    client.describe_tags(MaxResults=SIZE)
    client.describe_instances(MaxResults=SIZE)
    return parser.kept


def _milliseconds(parser: EC2QueryParser, answer: tuple[Any, Any]) -> float:
    began = time.process_time()
    parser.parse(*answer)
    return 1000 * (time.process_time() - began)
