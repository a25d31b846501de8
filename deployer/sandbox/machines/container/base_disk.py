"""What the first machines have over the Debian tree: the company's own settings, as an overlay."""

from __future__ import annotations

from pathlib import Path

from deployer.sandbox.machines.disk import host_tools

_CLOUD = """\
# The metadata service is reached without a network device, so none is configured.
datasource_list: [Ec2]
datasource:
  Ec2:
    strict_id: false
    apply_network_config: false
network: {{config: disabled}}
locale: false
manage_etc_hosts: localhost
system_info:
  default_user:
    name: {login}
    shell: /bin/bash
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
"""
_POSTGRES = ("pg_dump", "pg_restore", "psql")


def write(disk: Path, login: str, ssh_port: int) -> None:
    """Write it, atomically. Raises OSError."""
    partial = disk.with_name(f"{disk.name}.partial")
    texts = {
        "etc/cloud/cloud.cfg.d/90_sandbox.cfg": _CLOUD.format(login=login),
        "etc/ssh/sshd_config.d/sandbox.conf": f"Port {ssh_port}\n",
    }
    for name, text in texts.items():
        path = partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    links = partial / "usr/local/bin"
    links.mkdir(parents=True)
    programs = host_tools.postgres_directory()
    for program in (programs / "bin" / name for name in _POSTGRES) if programs else ():
        (links / program.name).symlink_to(program)
    for directory in (partial, *(path for path in partial.rglob("*") if path.is_dir())):
        directory.chmod(0o755)  # the overlay shows these modes instead of the tree's
    partial.rename(disk)
