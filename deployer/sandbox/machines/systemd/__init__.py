"""systemd as a machine has it: unit files, services, systemctl."""
