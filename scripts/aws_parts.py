"""Parts of a CloudFormation template, for scripts/aws_template.py."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def role(service: str, *statements: Json, managed: Any = None) -> Json:
    """A role that one AWS service may take."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            **({"ManagedPolicyArns": managed} if managed else {}),
            "Policies": [
                {
                    "PolicyName": "own",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)},
                }
            ],
        },
    }


def allow(actions: list[str], *resources: Any) -> Json:
    """A statement."""
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def sub(text: str) -> Json:
    """Text with references."""
    return {"Fn::Sub": text}


def arn(resource: str) -> Json:
    """The ARN of a resource of the template."""
    return {"Fn::GetAtt": [resource, "Arn"]}


def alarm(metric: tuple[str, str], dimensions: Json, words: str, **more: Any) -> Json:
    """An alarm on the sum of a metric in an hour; at one, unless it says otherwise."""
    namespace, name = metric
    said = {"Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", **more}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": words,
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            "Statistic": "Sum",
            "Period": 3600,
            "EvaluationPeriods": 1,
            "TreatMissingData": "notBreaching",
            "AlarmActions": {
                "Fn::If": ["HasTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]
            },
            **said,
        },
    }


def parameter(words: str, default: str | None = None, **more: Any) -> Json:
    """A parameter of text."""
    return {
        "Type": "String",
        "Description": words,
        **({} if default is None else {"Default": default}),
        **more,
    }
