"""Parses a request's service and action from its bytes, before moto sees it.

Faults and the journal need service and action for every protocol: query (EC2, STS), JSON (SSM) and
REST (Route 53, S3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

READING = (
    "Describe",
    "List",
    "Get",
    "Head",
    "Search",
    "Lookup",
    "Test",
    "Preview",
    "Simulate",
    "GET",
    "HEAD",
)

_ROUTE53 = tuple(
    (method, re.compile(rf"^/2013-04-01/{path}/?$"), action)
    for method, path, action in (
        ("POST", r"hostedzone/[^/]+/rrset", "ChangeResourceRecordSets"),
        ("GET", r"hostedzone/[^/]+/rrset", "ListResourceRecordSets"),
        ("POST", r"hostedzone", "CreateHostedZone"),
        ("GET", r"hostedzone", "ListHostedZones"),
        ("GET", r"hostedzonesbyname", "ListHostedZonesByName"),
        ("GET", r"hostedzone/[^/]+", "GetHostedZone"),
        ("POST", r"hostedzone/[^/]+", "UpdateHostedZoneComment"),
        ("DELETE", r"hostedzone/[^/]+", "DeleteHostedZone"),
        ("GET", r"change/[^/]+", "GetChange"),
        ("GET", r"testdnsanswer", "TestDNSAnswer"),
        ("GET", r"tags/.+", "ListTagsForResource"),
        ("POST", r"tags/.+/.+", "ChangeTagsForResource"),
        ("POST", r"tags/[^/]+", "ListTagsForResources"),
    )
)

_S3_QUERIES = ("list-type", "location", "uploads", "versioning", "versions")
_S3 = {
    ("GET", "", ""): "ListBuckets",
    ("GET", "bucket", ""): "ListObjects",
    ("GET", "bucket", "list-type"): "ListObjectsV2",
    ("GET", "bucket", "location"): "GetBucketLocation",
    ("GET", "bucket", "versioning"): "GetBucketVersioning",
    ("GET", "bucket", "versions"): "ListObjectVersions",
    ("HEAD", "bucket", ""): "HeadBucket",
    ("PUT", "bucket", ""): "CreateBucket",
    ("PUT", "bucket", "versioning"): "PutBucketVersioning",
    ("DELETE", "bucket", ""): "DeleteBucket",
    ("GET", "object", ""): "GetObject",
    ("HEAD", "object", ""): "HeadObject",
    ("PUT", "object", ""): "PutObject",
    ("DELETE", "object", ""): "DeleteObject",
}
"""By method, what the path names, and the query that says more."""


@dataclass(frozen=True)
class ApiCall:
    """One API call. `protocol` is `ec2`, `query`, `json`, `route53` or `rest`.

    `region` is the signature's. `machines` counts the instances of an EC2 call; `whole` is a
    list with neither a filter nor pages.
    """

    service: str
    action: str
    mutating: bool
    protocol: str
    region: str = ""
    machines: int = 0
    whole: bool = False


def read_call(environ: dict[str, Any], body: bytes) -> ApiCall:
    """The call of this WSGI request; service `unknown` when it is not signed."""
    service = _service(environ.get("HTTP_AUTHORIZATION", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return _call(service, target.rsplit(".", 1)[-1], "json")
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    if service == "route53":
        return _call(service, _route53_action(method, path), "route53")
    if service == "s3":
        return _call(service, _s3_action(method, path, environ.get("QUERY_STRING", "")), "rest")
    form = _form(environ, body)
    if "Action" in form:
        protocol = "ec2" if service == "ec2" else "query"
        dry = form.get("DryRun", ["false"])[0].lower() == "true"
        call = _call(service, form["Action"][0], protocol, dry)
        return _measured(call, environ, form) if protocol == "ec2" else call
    return _call(service, method, "rest")


def _call(service: str, action: str, protocol: str, dry: bool = False) -> ApiCall:
    return ApiCall(service, action, not dry and not action.startswith(READING), protocol)


def _measured(call: ApiCall, environ: dict[str, Any], form: dict[str, list[str]]) -> ApiCall:
    scope = re.search(r"/\d{8}/([^/]*)/", environ.get("HTTP_AUTHORIZATION", ""))
    machines = sum(key.startswith("InstanceId.") for key in form)
    return replace(
        call,
        region=scope.group(1) if scope else "",
        machines=machines or int(form.get("MaxCount", ["0"])[0]),
        whole=not any(key == "MaxResults" or key.startswith("Filter.") for key in form),
    )


def _service(authorization: str) -> str:
    scope = re.search(r"Credential=[^/]*/\d{8}/[^/]*/([^/]+)/aws4_request", authorization)
    return scope.group(1).lower() if scope else "unknown"


def _route53_action(method: str, path: str) -> str:
    for wanted, pattern, action in _ROUTE53:
        if method == wanted and pattern.match(path):
            return action
    return f"{method} {path}"


def _s3_action(method: str, path: str, query: str) -> str:
    """The operation; the method itself for one that is not in the table."""
    bucket, _, key = path.strip("/").partition("/")
    about = "object" if key else "bucket" if bucket else ""
    asked = parse_qs(query, keep_blank_values=True)
    more = next((one for one in _S3_QUERIES if one in asked), "")
    return _S3.get((method, about, more), method)


def _form(environ: dict[str, Any], body: bytes) -> dict[str, list[str]]:
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
