"""Asks the machine's pid 1: what stands for systemctl, journalctl, shutdown and their like.

A release asks dozens of times, so this starts as quickly as a Python can: isolated, without
site-packages, and with nothing imported but sockets. It speaks the words of `machines/control.py`.
"""

import _socket
import sys


def main() -> int:
    """Send our arguments, print the answer."""
    try:
        head, told = ask(sys.argv[1:])
        code, length = map(int, head.split())
    except (OSError, ValueError):
        sys.stderr.write(f"{sys.argv[1]}: the machine is going down\n")
        return 1
    sys.stdout.write(told[:length].decode())
    sys.stdout.flush()
    sys.stderr.write(told[length:].decode())
    return code


def ask(words: list[str]) -> tuple[bytes, bytes]:
    """The answer's head (exit code, bytes of output) and what follows: output, then errors."""
    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    door.connect("/run/sandbox.sock")
    question = b"\0".join(word.encode(errors="surrogateescape") for word in words)
    left = b"%d\n%s" % (len(question), question)
    while left:
        left = left[door.send(left) :]
    answer = b""
    while piece := door.recv(65536):
        answer += piece
    head, _, told = answer.partition(b"\n")
    return head, told


if __name__ == "__main__":
    sys.exit(main())
