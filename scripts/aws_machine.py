"""The state machine of a run, for config/aws: two maps with the ledgers between them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RUN = "States.Format('s3://${Results}/runs/{}', $$.Execution.Name)"
THROTTLED = [
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
]
"""The function was not run: an account may allow fewer calls at once than the maps want."""

RETRY = [
    {"ErrorEquals": ["OutOfTime"], "IntervalSeconds": 1, "MaxAttempts": 20, "BackoffRate": 1},
    {
        "ErrorEquals": THROTTLED,
        "IntervalSeconds": 2,
        # Those that run take the places that they leave themselves: one that waits may wait for the
        # whole map, so no small number is enough.
        "MaxAttempts": 1000,
        "BackoffRate": 2,
        "MaxDelaySeconds": 30,
        "JitterStrategy": "FULL",
    },
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2},
]
SWEEPERS = 40
"""Sweeps at once; Route 53 gets an equal share of calls from each (`--workers`)."""


def call(*words: str, then: str | None) -> Json:
    """A state that runs a command of the reconciler; a word with `$` is an expression."""
    command = ", ".join(word if "$" in word else f"'{word}'" for word in words)
    return {
        "Type": "Task",
        "Resource": "arn:${AWS::Partition}:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": "${Function.Arn}",
            "Payload": {"command.$": f"States.Array({command})"},
        },
        "ResultSelector": {"exit.$": "$.Payload.exit"},
        "Retry": RETRY,
        **({"Next": then} if then else {"End": True}),
    }


def each_scope(name: str, *words: str, at_once: int, then: str) -> Json:
    """A Distributed Map over the scopes of the run: one call of the function for each."""
    key = f"States.Format('runs/{{}}/{name}', $$.Execution.Name)"
    return {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:${AWS::Partition}:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {
                "Bucket": "${Results}",
                "Key.$": "States.Format('runs/{}/scopes.json', $$.Execution.Name)",
            },
        },
        "ItemSelector": {"scope.$": "$$.Map.Item.Value.scope", "run.$": RUN},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": name,
            "States": {name: call(*words, then=None)},
        },
        "MaxConcurrency": at_once,
        # A scope that fails has no result, or says so in it: the report is made whatever fails.
        "ToleratedFailurePercentage": 100,
        "ResultWriter": {
            "Resource": "arn:${AWS::Partition}:states:::s3:putObject",
            "Parameters": {"Bucket": "${Results}", "Prefix.$": key},
        },
        "ResultPath": None,
        "Next": then,
    }


def machine() -> Json:
    """The state machine: two maps with the ledgers between them."""
    scope = ("--scope", "$.scope", "--run", "$.run")
    report = "States.Format('s3://${Results}/runs/{}/report.json', $$.Execution.Name)"
    results = "States.Format('s3://${Results}/runs/{}/results', $$.Execution.Name)"
    sweeps = ("sweep", *scope, "--workers", str(SWEEPERS))
    return {
        "Comment": "docs/scale.md; written by scripts/aws_template.py",
        "StartAt": "Begin",
        "States": {
            "Begin": call("scopes", "--json", "--run", RUN, then="Inventories"),
            "Inventories": each_scope(
                "Inventory", "inventory", "--json", *scope, at_once=200, then="Ledgers"
            ),
            "Ledgers": call("ledgers", "--json", "--run", RUN, then="Sweeps"),
            "Sweeps": each_scope("Sweep", *sweeps, at_once=SWEEPERS, then="Collate"),
            "Collate": call(
                "collate", results, "--json", "--report", report, then="IsCompleteAndClean"
            ),
            "IsCompleteAndClean": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.exit", "NumericEquals": 0, "Next": "Clean"}],
                "Default": "NotClean",
            },
            "Clean": {"Type": "Succeed"},
            "NotClean": {
                "Type": "Fail",
                "Error": "NotClean",
                "Cause": "a scope failed, is missing or is not clean: report.json of the run",
            },
        },
    }
