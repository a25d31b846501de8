"""What a request is called: what it does and about what, the same in every run."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from urllib.parse import parse_qs

from deployer.sandbox.aws.http.request import ApiCall

HOME = "eu-west-1"
_COMMANDS = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (r"^(true|pwd)$", ""),
        (r"^check\(\) \{", ""),
        (r'^instance=.*\necho "self=\$instance"', ""),
        (r"^if \[ -e \S+ \]; then\s+(sed -nE|if grep)", ""),
        (r"^journal\(\) \{.*\njournal \S+$", ""),
        (r"\bapp=1 jobs=1 > ", "obey: run the app, run the jobs"),
        (r"\bapp=1 jobs=0 > ", "obey: run the app, stop the jobs"),
        (r"\bapp=0 jobs=0 > ", "obey: stop the app, stop the jobs"),
        (r"^set -eu\npath=.*\ntar -xf ", "unpack the archive"),
        (r"^cd \S+ \|\| exit\n(\S+)$", r"install: \1"),
        (r"pg_dump --version", ""),
        (r"pg_dump .*\| psql ", "try what follows the rows"),
        (r"pg_dump .*=pre-data.*pg_restore ", "pg_dump to pg_restore, the schema"),
        (r"pg_dump .*pg_restore ", "pg_dump to pg_restore"),
        (r"^command -v cloud-init", ""),
        (r"^set -e\nid=.*machine-id", "make a machine id"),
        (r"^set -eu\nfile=.*\nmv -f ", "write the env file"),
        (r"^set -e\numask 077\n.*ssh-keygen ", "make a host key"),
        (r"^set -e\numask 077\n.*reload ssh", "serve the new host key"),
        (r"^set -e\nwhile IFS= read.*\ncd \S+\n(\S+)\n$", r"migrate: \1"),
    )
)


def _script(what: str) -> str:
    """The script inside the command line that goes over the wire."""
    try:
        words = shlex.split(what)
    except ValueError:
        return what
    return words[words.index("-c") + 1].rstrip(";") if "-c" in words[:-1] else what


def aws_name(call: ApiCall, body: bytes) -> str:
    """The action, and of the two that serve many purposes which one."""
    if call.action == "ChangeResourceRecordSets":
        return _claiming(body.decode()) or f"swap: {_transition(body.decode())}"
    if call.action == "PutObject":
        return f"put the ledger: {_content(body.decode())}"
    if call.action in ("CreateTags", "DeleteTags"):
        return f"{call.action}: {_tagging(body.decode(), call.action)}"
    if call.action in ("ModifyListener", "ModifyRule"):
        return f"{call.action}: weights {_weights(body.decode())}"
    if call.action in ("AddTags", "RemoveTags"):
        return f"{call.action}: {_group_tags(body.decode())}"
    return call.action if call.region in ("", HOME) else f"{call.action}, {call.region}"


def ssh_name(what: str) -> str | None:
    """A short name for a command; None for one that only looks.

    A command that is not known here is named by its first words: a row of the table that somebody
    will see, rather than one that is missing.
    """
    if what.startswith("sftp: "):
        return "sftp: put the archive" if ".deployer-" in what else what
    script = _script(what)
    for pattern, name in _COMMANDS:
        if found := pattern.search(script):
            return found.expand(name) if name else None
    return " ".join(script.split())[:60].replace("|", "¦")


def sql_name(statements: list[str]) -> str:
    """The verbs of what becomes lasting; after several statements the last is their COMMIT."""
    if len(statements) == 1:
        return " ".join(statements[0].split()[:2])
    *made, _ = statements
    return f"COMMIT of {', '.join(dict.fromkeys(one.split()[0].upper() for one in made))}"


def _transition(xml: str) -> str:
    """Which transition of the ledger a change batch is."""
    old, new = _ledger(xml, "DELETE"), _ledger(xml, "(?:CREATE|UPSERT)")
    before, after = _part(old, "lease"), _part(new, "lease")
    if after:
        step = re.search(r"step=(\S+?)&quot;|step=(\S+?)\"", after)
        word = next((one for one in step.groups() if one), "") if step else ""
        return f"renew, {word}" if before else "acquire"
    if "left=" in new:
        return "leave"
    if _live(old) != _live(new):
        return "commit" if before else "adopt"
    if before:
        return "end the lease"
    return "forget" if len(new) < len(old) else "readdress"


def _claiming(xml: str) -> str:
    """Of a record that follows a ledger in S3: it is pointed elsewhere, or only claimed anew."""
    if "ledger=s3://" not in xml:
        return ""
    changes: list[str] = re.findall(r"<Change>(.*?)</Change>", xml, re.DOTALL)
    records = [one for one in changes if "<Type>A</Type>" in one]
    values = [re.findall(r"<Value>(.*?)</Value>", one) for one in records]
    moves = any(sorted(one) != sorted(values[0]) for one in values)
    return "point the record" if moves else "claim the record"


def _content(lines: str) -> str:
    """What a ledger in S3 says: it replaces another that the request does not show."""
    step = re.search(r"^lease=.* step=(\S+)$", lines, re.MULTILINE)
    if step:
        return f"leased, {step[1]}"
    return f"no lease, {len(re.findall('^previous=', lines, re.MULTILINE))} previous"


def _weights(form: str) -> str:
    """The weights in an action, in its order: joined is "1, 0", switched "0, 1", detached "1"."""
    fields = sorted(parse_qs(form).items())
    return ", ".join(value for key, (value, *_) in fields if key.endswith(".Weight"))


def _group_tags(form: str) -> str:
    """The label that target groups get, or else the keys of their tags without our prefix."""
    fields = {key: value for key, (value, *_) in parse_qs(form).items()}
    keys = {key: value for key, value in fields.items() if re.search(r"\.Key$|^TagKeys\.", key)}
    label = next((key for key, value in keys.items() if value == "deploy-state"), "")
    if f"{label[:-3]}Value" in fields and label:
        return fields[f"{label[:-3]}Value"]
    return ", ".join(sorted(value.removeprefix("deploy-") for value in keys.values()))


def _ledger(xml: str, action: str) -> str:
    changes: list[str] = re.findall(r"<Change>(.*?)</Change>", xml, re.DOTALL)
    for change in changes:
        if re.search(f"<Action>{action}</Action>", change) and "<Type>TXT</Type>" in change:
            return change
    return ""


def _part(text: str, word: str) -> str:
    found = re.search(rf"\b{word}=.*?(&quot;|\")", text)
    return found[0] if found else ""


def _live(text: str) -> str:
    found = re.search(r"\blive=(\S+)", text)
    return found[1] if found else ""


def _tagging(form: str, action: str) -> str:
    fields = parse_qs(form)
    tags = {
        fields[f"Tag.{n}.Key"][0]: fields.get(f"Tag.{n}.Value", [""])[0]
        for n in range(1, 50)
        if f"Tag.{n}.Key" in fields
    }
    ids = [values[0] for key, values in fields.items() if key.startswith("ResourceId.")]
    kinds = Counter(one.partition("-")[0] for one in ids)
    about = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    if action == "DeleteTags":
        return f"{'every tag' if len(tags) > 1 else next(iter(tags), '')} on {about}"
    if "deploy-paused" in tags:
        return f"paused on {about}"
    keys = len(tags.get("deploy-host-key", "").split()) // 2
    word = tags.get("deploy-state") or ("both host keys" if keys > 1 else "the new host key")
    return f"{word if keys or 'deploy-state' in tags else '?'} on {about}"
