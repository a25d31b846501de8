"""The sandbox's status as text; a separate module, so that the command needs no AWS library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_text(report: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"sandbox   {report['directory']}   (process {report['pid']}, {report['phase']})",
        f"AWS API   {report['endpoint']}   network {report['network']}",
        f"DNS       {report['dns']}",
        f"image     {report['base_image']}",
    ]
    lines += [_machine(one) for one in report["instances"]]
    for record in report["records"]:
        values = " ".join(record["values"]) or f"alias {record['alias']}"
        ttl = record["ttl"] or ""
        lines.append(f"record    {record['name']}  {ttl}  {record['type']}  {values}")
    lines += [_balancer(one) for one in report["balancers"]]
    for name in report["databases"]:
        lines.append(f"database  {name}   on {report['database_host']}")
    return "\n".join(lines)


def _machine(one: Mapping[str, str]) -> str:
    words = ("id", "state", "address", "public", "name", "deploy", "host_key")
    return "machine   " + "  ".join(one[word] for word in words if one[word])


def _balancer(one: Mapping[str, Any]) -> str:
    ports = [
        f"{listener['port']} → {', '.join(f'{g} {w}' for g, w in listener['weights'].items())}"
        for listener in one["listeners"]
    ]
    return f"balancer  {one['name']}  {'; '.join(ports)}"
