"""Starts and stops units on a machine, as functions of sh. Pure.

Stopping a unit also ends the processes that it started: `cron` has KillMode=process, and systemd
reports it as stopped while its jobs still run.
"""

from __future__ import annotations

JOURNAL_LINES = 20

# The children get no lock (9>&-): a unit started by a shim must not hold it for ever.
JOURNAL = f"""\
journal() {{
  journalctl -b -u "$1" -n {JOURNAL_LINES} --no-pager -o cat 2>/dev/null ||
    systemctl status --no-pager -n {JOURNAL_LINES} "$1" || :
}}"""

_SHOW = """\
show() { systemctl show -p "$1" "$2" 2>/dev/null | sed "s/^[^=]*=//"; }"""

# The control group is read before the stop and checked after it: systemd may forget it
# meanwhile. Its path depends on the version of control groups. The script's own processes
# are in another group. 0 is a process of another pid namespace; `kill 0` would end this script.
_LEFT = """\
left() {
  [ -n "$1" ] && [ "$1" != / ] || return 0
  for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -d "$top$1" ] || continue
    find "$top$1" -name cgroup.procs -exec cat {} + 2>/dev/null
  done | grep -vx 0 | sort -u
}
end_group() {
  tries=0
  while pids=$(left "$2"); [ -n "$pids" ]; do
    tries=$((tries + 1))
    [ $tries -lt 75 ] || {
      echo "unit $1 is stopped, but its processes go on:" $pids >&2; exit 1
    }
    [ $tries -gt 50 ] && kind=KILL || kind=TERM
    [ $((tries % 10)) -ne 1 ] || kill -s $kind $pids 2>/dev/null || :
    sleep 0.2
  done
}"""

# At a daemon-reload systemd forgets which services a socket with Accept=yes has started, and a stop
# of the socket leaves them running.
STOP_AND_START = f"""\
{JOURNAL}
{_SHOW}
{_LEFT}
stop() {{
  group=$(show ControlGroup "$1")
  said=$(systemctl stop "$1" 2>&1 9>&-) || :
  if systemctl is-active --quiet "$1"; then
    echo "unit $1 does not stop: $said" >&2; exit 1
  fi
  end_group "$1" "$group"
  if [ "$(show Accept "$1")" = yes ]; then
    for served in $(systemctl list-units --plain --no-legend "${{1%.socket}}@*.service" |
      cut -d " " -f 1); do stop "$served"; done
  fi
}}
start() {{
  if [ "$lacks" = 1 ] && [ "$(show LoadState "$1")" = not-found ]; then return 0; fi
  # Refused before it runs: a sweep obeys a configuration that no release has looked up.
  if [ "$(show Type "$1") $(show RemainAfterExit "$1")" = "oneshot no" ]; then
    echo "unit $1 is of Type=oneshot and would run at every sweep: name its timer" >&2; exit 1
  fi
  systemctl start "$1" 9>&- || {{ echo "last lines of unit $1:" >&2; journal "$1" >&2; exit 1; }}
  tries=0
  while state=$(systemctl is-active "$1" || :); [ "$state" = activating ]; do
    tries=$((tries + 1)); [ $tries -lt 150 ] || break; sleep 0.2
  done
  [ "$state" = active ] || {{
    echo "unit $1 is $state; its last lines:" >&2; journal "$1" >&2
    [ "$state $(show Result "$1")" != "inactive success" ] || echo "If it ran, it ended without" \
      "an error, and is begun anew by every sweep: name a timer of it in its place" >&2
    exit 1
  }}
}}"""
