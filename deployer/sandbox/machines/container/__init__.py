"""Machines with a real systemd, cloud-init and OpenSSH: systemd-nspawn over a Debian tree."""
