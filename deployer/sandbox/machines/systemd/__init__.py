"""A machine's systemd: unit files, services, systemctl."""
