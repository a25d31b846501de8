"""Finds the units that start with a service's units, by systemd on the machine. Pure.

A mask on a target does not mask its members, and stopping a service does not stop the units that it
requires. So all that gated units pull in is gated with them, unless another unit wants it too.
"""

from __future__ import annotations

import shlex

# The relations of a whole round of units are read at once: an unknown unit is printed as
# `? NAME`, and read in the next round. Names may hold backslashes, which awk -v would interpret.
_CLOSURE = r"""
function part(name, file, line) {
  if (name !~ /\.(service|timer|socket|path|target)$/) return 0
  if (name !~ /\.target$/) return 1
  file = "/usr/lib/systemd/system/" name
  if ((getline line < file) < 0) return 1
  close(file); return 0
}
function all(names, n, i, list) {
  n = split(names, list, " ")
  for (i = 1; i <= n; i++) if (!(list[i] in member)) return 0
  return 1
}
function join(id, n, i, list) {
  gated[id]; grown = 1; n = split(names[id], list, " ")
  for (i = 1; i <= n; i++) { member[list[i]]; if (!(list[i] in known)) print "= " list[i] }
}
function look(list, by, n, i, one, id) {
  n = split(list, one, " ")
  for (i = 1; i <= n; i++) {
    if (one[i] in member || one[i] in apart || !part(one[i])) continue
    if (!(one[i] in real)) {
      if (!(one[i] in asked)) print "? " one[i]
      continue
    }
    id = real[one[i]]
    if (by == "started" || all(by == "triggers" ? triggers[id] : wanted[id])) join(id)
  }
}
function words(text, set, n, i, list) {
  n = split(text, list, " "); for (i = 1; i <= n; i++) set[list[i]]
}
BEGIN {
  RS = ""; FS = "\n"
  words(ENVIRON["KNOWN"], known); words(ENVIRON["KNOWN"], member); words(ENVIRON["ASKED"], asked)
  words(ENVIRON["FIRST"], first); words(ENVIRON["APART"], apart)
}
{
  for (i = 1; i <= NF; i++) {
    at = index($i, "="); said[substr($i, 1, at - 1)] = substr($i, at + 1)
  }
  id = said["Id"]; names[id] = said["Names"]; n = split(said["Names"], list, " ")
  for (i = 1; i <= n; i++) real[list[i]] = id
  triggers[id] = said["Triggers"]; triggered[id] = said["TriggeredBy"]
  pulls[id] = said["Requires"] " " said["Wants"] " " said["BindsTo"] " " said["Upholds"]
  wanted[id] = said["RequiredBy"] " " said["WantedBy"] " " said["BoundBy"] " " said["UpheldBy"]
  wanted[id] = wanted[id] " " said["TriggeredBy"]
}
END {
  for (one in first) if (one in real) join(real[one]); else print "= " one
  for (grown = 1; grown;) {
    grown = 0; for (id in names) if (id in gated) {
      look(pulls[id]); look(triggers[id], "started"); look(triggered[id], "triggers")
    }
  }
}
"""

PULLED = f"""\
pulled() (
  known=$1 apart=$2; shift 2; first=$* asked= told= answer=
  ask=$first
  while [ -n "$ask" ]; do
    asked="$asked $ask"
    told="$told$(systemctl show -p Id -p Names -p Requires -p Wants -p BindsTo -p Upholds \\
      -p Triggers -p RequiredBy -p WantedBy -p BoundBy -p UpheldBy -p TriggeredBy \\
      -- $ask 2>/dev/null || :)

"
    answer=$(printf %s "$told" |
      KNOWN=$known APART=$apart FIRST=$first ASKED=$asked awk {shlex.quote(_CLOSURE)} | sort -u)
    ask=$(echo $(printf '%s\n' "$answer" | sed -n 's/^? //p'))
  done
  echo $(printf '%s\n' "$answer" | sed -n 's/^= //p')
)
"""
"""`pulled KNOWN APART UNIT...`: units by all their names, and what only they (or KNOWN) pull in.

What a timer, a path or a socket starts always counts: that is its purpose. Units in APART belong
to another class, whatever pulls them in. The distribution's targets are boot milestones, not parts
of an app.
"""
