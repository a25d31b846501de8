"""The inventory of one scope as a file: its tag index, and when its reading began. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import ConfigError
from reconciler.model.deploy_id import format_time, parse_time
from reconciler.model.tag_summary import Group, TagSummary
from reconciler.sweep.scopes import documents

FORMAT = "scope inventory"


@dataclass(frozen=True)
class ScopeInventory:
    """The tag index of one scope. `began`: before its first page, by the clock of its reader."""

    began: datetime
    index: TagSummary


def encode(inventory: ScopeInventory) -> bytes:
    """The inventory as a file's content."""
    index = inventory.index
    return documents.written(
        FORMAT,
        {
            "scope": str(index.place),
            "began": format_time(inventory.began),
            "groups": [[*group, list(ids)] for group, ids in index.groups.items()],
            "gaps": [documents.gap_json(gap) for gap in index.gaps],
            "reads": [documents.read_json(read) for read in index.reads],
        },
    )


def decode(body: bytes) -> ScopeInventory:
    """The inventory in a file's content. Raises ConfigError for any other."""
    found = documents.opened(FORMAT, body)
    try:
        index = TagSummary(
            documents.place_of(found["scope"]),
            {Group(*head): tuple(ids) for *head, ids in found["groups"]},
            tuple(map(documents.gap_of, found["gaps"])),
            tuple(map(documents.read_of, found["reads"])),
        )
        return ScopeInventory(parse_time(found["began"]), index)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"this {FORMAT} is damaged: {error}") from error
