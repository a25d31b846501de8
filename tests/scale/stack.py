"""Deploys config/aws/sweep.cfn.json, as it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "config/aws/sweep.cfn.json"
NAME = "sweep"


@dataclass(frozen=True)
class Stack:
    """What the template made."""

    machine: str
    results: str
    function: str


def deploy(archive: Path, python: str) -> Stack:
    """Upload the archive and make the stack. Raises RuntimeError where that fails."""
    s3: Any = boto3.client("s3")
    where: Any = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="code", CreateBucketConfiguration=where)
    s3.upload_file(str(archive), "code", "lambda.zip")
    client: Any = boto3.client("cloudformation")
    given = {"CodeBucket": "code", "Runtime": f"python{python}", "Every": "rate(7 days)"}
    client.create_stack(
        StackName=NAME,
        TemplateBody=TEMPLATE.read_text(encoding="utf-8"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        (found,) = client.describe_stacks(StackName=NAME)["Stacks"]
        if found["StackStatus"] == "CREATE_COMPLETE":
            outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
            return Stack(outputs["Machine"], outputs["Results"], outputs["Function"])
        if "FAILED" in found["StackStatus"] or "ROLLBACK" in found["StackStatus"]:
            events = client.describe_stack_events(StackName=NAME)["StackEvents"]
            why = [one.get("ResourceStatusReason", "") for one in events]
            raise RuntimeError(f"{found['StackStatus']}: {'; '.join(filter(None, why))}")
        time.sleep(0.2)
    raise RuntimeError("the stack was not made in two minutes")
