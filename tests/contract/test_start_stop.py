"""Stopping and starting. Sources: StopInstances; StartInstances; ModifyInstanceAttribute."""

from __future__ import annotations

from mypy_boto3_ec2 import EC2Client

from tests.contract.helpers import Launch, describe, eventually, refused, wait_for_state
from tests.fakes.paper_host import PaperHost


def test_stopped_and_started_again(ec2: EC2Client, running: str) -> None:
    """stopping → stopped → pending → running, the private address kept (Stop_Start)."""
    before = describe(ec2, running)
    (stop,) = ec2.stop_instances(InstanceIds=[running])["StoppingInstances"]
    assert stop["CurrentState"]["Name"] == "stopping"
    wait_for_state(ec2, running, "stopped")
    stopped = describe(ec2, running)
    assert "PublicIpAddress" not in stopped
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    (start,) = ec2.start_instances(InstanceIds=[running])["StartingInstances"]
    assert start["CurrentState"]["Name"] == "pending"
    wait_for_state(ec2, running, "running")
    after = describe(ec2, running)
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["LaunchTime"] >= before["LaunchTime"]


def test_the_terminated_cannot_be_started(ec2: EC2Client, running: str) -> None:
    """IncorrectInstanceState, for stopping as well (EC2 error codes)."""
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    with refused("IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[running])
    with refused("IncorrectInstanceState"):
        ec2.stop_instances(InstanceIds=[running])
    with refused("IncorrectInstanceState"):
        ec2.reboot_instances(InstanceIds=[running])


def test_what_runs_is_not_started_again(ec2: EC2Client, running: str) -> None:
    """Starting a running instance changes nothing (StartInstances)."""
    (answer,) = ec2.start_instances(InstanceIds=[running])["StartingInstances"]
    assert answer["CurrentState"]["Name"] == answer["PreviousState"]["Name"] == "running"


def test_a_machine_that_halts_is_stopped(ec2: EC2Client, running: str, host: PaperHost) -> None:
    """Shutdown behaviour `stop`: how a machine parks itself (InstanceInitiatedShutdownBehavior)."""
    host.halt(running)
    wait_for_state(ec2, running, "stopped")
    assert describe(ec2, running)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    ec2.start_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "running")


def test_a_machine_that_halts_may_be_terminated(
    ec2: EC2Client, launch: Launch, host: PaperHost
) -> None:
    """Shutdown behaviour `terminate` (InstanceInitiatedShutdownBehavior)."""
    (made,) = launch(1, InstanceInitiatedShutdownBehavior="terminate")
    wait_for_state(ec2, made, "running")
    host.halt(made)
    wait_for_state(ec2, made, "terminated")


def test_the_shutdown_behaviour_is_an_attribute(ec2: EC2Client, running: str) -> None:
    """instanceInitiatedShutdownBehavior is read and changed (ModifyInstanceAttribute)."""
    ec2.modify_instance_attribute(
        InstanceId=running, InstanceInitiatedShutdownBehavior={"Value": "terminate"}
    )
    answer = ec2.describe_instance_attribute(
        InstanceId=running, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert answer["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_some_attributes_need_a_stopped_instance(ec2: EC2Client, running: str) -> None:
    """The type cannot be changed while it runs (ModifyInstanceAttribute)."""
    with refused("IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=running, InstanceType={"Value": "t3.small"})


def test_a_reboot_stays_running(ec2: EC2Client, running: str, host: PaperHost) -> None:
    """RebootInstances changes no state (RebootInstances)."""
    ec2.reboot_instances(InstanceIds=[running])
    eventually(lambda: host.reboots == [running])
    assert describe(ec2, running)["State"]["Name"] == "running"


def test_the_console(ec2: EC2Client, running: str, host: PaperHost) -> None:
    """GetConsoleOutput returns the last 64 KiB, in base64 (GetConsoleOutput)."""
    assert not ec2.get_console_output(InstanceId=running).get("Output")
    host.consoles[running] = b"x" * 70_000 + b"-----END SSH HOST KEY KEYS-----\n"
    output = ec2.get_console_output(InstanceId=running)["Output"]
    assert len(output) == 65_536
    assert output.endswith("-----END SSH HOST KEY KEYS-----\n")
