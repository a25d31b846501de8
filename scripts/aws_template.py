"""Writes the CloudFormation templates of a sweep without a server, config/aws.

    PYTHONPATH=. .venv/bin/python scripts/aws_template.py

`sweep.cfn.json` is for one account, the hub: schedule, state machine, function, bucket, alarms.
`member.cfn.json` is for every account that is swept: the role with the policy that `reconciler
policy` prints (of your configuration: docs/scale.md), and the rule that sends events to the hub.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scripts.aws_events import events, member
from scripts.aws_machine import machine
from scripts.aws_parts import Json, alarm, allow, arn, parameter, role, sub

ROOT = Path(__file__).resolve().parent.parent
RUNS = sub("${Results.Arn}/runs/*")


def bucket() -> Json:
    """Where results are: of a run, for 30 days."""
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "PublicAccessBlockConfiguration": {
                f"{verb}Public{what}": True
                for verb, what in (
                    ("Block", "Acls"),
                    ("Block", "Policy"),
                    ("Ignore", "Acls"),
                )
            }
            | {"RestrictPublicBuckets": True},
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "forget",
                        "Status": "Enabled",
                        "ExpirationInDays": 30,
                        "Prefix": "runs/",
                    }
                ]
            },
        },
    }


def storage() -> Json:
    """Where results, letters that nobody read, and logs are."""
    return {
        "Results": bucket(),
        "DeadLetters": {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"MessageRetentionPeriod": 1209600, "SqsManagedSseEnabled": True},
        },
        "Log": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "LogGroupName": sub("/aws/lambda/${AWS::StackName}"),
                "RetentionInDays": 30,
            },
        },
    }


def function() -> Json:
    """The function, and what it may do: take the roles of the members, and write results."""
    return {
        "FunctionRole": role(
            "lambda.amazonaws.com",
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], sub("${Log.Arn}:*")),
            allow(["s3:GetObject", "s3:PutObject"], RUNS),
            allow(["s3:ListBucket"], arn("Results")),
            allow(["sqs:SendMessage"], arn("DeadLetters")),
            allow(["sts:AssumeRole"], sub("arn:${AWS::Partition}:iam::*:role/${MemberRole}")),
            managed={"Fn::If": ["HasPolicy", [{"Ref": "HubPolicyArn"}], {"Ref": "AWS::NoValue"}]},
        ),
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": {"Ref": "AWS::StackName"},
                "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
                "Handler": "reconciler.cli.aws_lambda.handler",
                "Runtime": {"Ref": "Runtime"},
                "Role": arn("FunctionRole"),
                "MemorySize": 512,
                "Timeout": 900,
                "LoggingConfig": {"LogGroup": {"Ref": "Log"}},
                "DeadLetterConfig": {"TargetArn": arn("DeadLetters")},
                "Environment": {"Variables": {"HOME": "/tmp"}},  # noqa: S108  Lambda's own
            },
        },
    }


def running() -> Json:
    """The state machine, and what it may do."""
    start = ["states:StartExecution"]
    here = sub(
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}"
    )
    runs = sub(
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}*"
    )
    return {
        "MachineRole": role(
            "states.amazonaws.com",
            allow(["lambda:InvokeFunction"], arn("Function")),
            allow(["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], RUNS),
            allow(["s3:ListBucket"], arn("Results")),
            allow(start, here),
            allow(["states:DescribeExecution", "states:StopExecution"], runs),
        ),
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": {"Ref": "AWS::StackName"},
                "RoleArn": arn("MachineRole"),
                "DefinitionString": sub(json.dumps(machine())),
            },
        },
    }


def schedule() -> Json:
    """What starts a run."""
    return {
        "ScheduleRole": role(
            "scheduler.amazonaws.com",
            allow(["states:StartExecution"], {"Ref": "Machine"}),
            allow(["sqs:SendMessage"], arn("DeadLetters")),
        ),
        "Schedule": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": {"Ref": "Every"},
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": {"Ref": "Machine"},
                    "RoleArn": arn("ScheduleRole"),
                    "DeadLetterConfig": {"Arn": arn("DeadLetters")},
                },
            },
        },
    }


def alarms() -> Json:
    """What a person should know of."""
    runs = {"StateMachineArn": {"Ref": "Machine"}}
    blind = {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"}
    return {
        "RunNotClean": alarm(
            ("AWS/States", "ExecutionsFailed"),
            runs,
            "A scope failed, is missing or is not clean: report.json of the run says which",
        ),
        "NoRun": alarm(
            ("AWS/States", "ExecutionsStarted"),
            runs,
            "No run began for three hours",
            EvaluationPeriods=3,
            **blind,
        ),
        "DeadLetter": alarm(
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            {"QueueName": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}},
            "An event or a start of a run was not delivered",
            Statistic="Maximum",
        ),
    }


def hub() -> Json:
    """The template of the account that sweeps."""
    given = (
        ("HasPolicy", "HubPolicyArn"),
        ("HasTopic", "AlarmTopic"),
        ("HasOrganization", "Organization"),
    )
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "A sweep of many accounts without a server; by scripts/aws_template.py",
        "Parameters": {
            "CodeBucket": parameter("The bucket that holds what `make lambda` built"),
            "CodeKey": parameter("Its key", "lambda.zip"),
            "Runtime": parameter("The Python that it was built for", "python3.13"),
            "Every": parameter("How often a run begins", "rate(1 hour)"),
            "MemberRole": parameter("The role to take in each account", "reconciler"),
            "HubPolicyArn": parameter("What `reconciler policy` prints for this account", ""),
            "AlarmTopic": parameter("ARN of an SNS topic for the alarms", ""),
            "Organization": parameter("Id of the organisation whose accounts send events", ""),
        },
        "Conditions": {
            name: {"Fn::Not": [{"Fn::Equals": [{"Ref": one}, ""]}]} for name, one in given
        },
        "Resources": {
            **storage(),
            **function(),
            **running(),
            **schedule(),
            **events(),
            **alarms(),
        },
        "Outputs": {
            "Machine": {"Value": {"Ref": "Machine"}},
            "Results": {"Value": {"Ref": "Results"}},
            "Function": {"Value": arn("Function")},
        },
    }


def write(folder: Path) -> None:
    """Both templates."""
    for name, template in (("sweep", hub()), ("member", member())):
        text = json.dumps(template, indent=2) + "\n"
        (folder / f"{name}.cfn.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "config/aws")
