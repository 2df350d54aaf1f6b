"""An MCP server over stdio that behaves as its first argument says. Run as a file by the tests; standard library only."""

import json
import os
import signal
import subprocess
import sys
import threading

MODE = sys.argv[1] if len(sys.argv) > 1 else "good"
TOOL = {"name": "get_rules", "description": "查规则", "inputSchema": {"type": "object", "properties": {}}}


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def result(message: dict, found: dict) -> None:  # type: ignore[type-arg]  # whatever a test wants
    say({"jsonrpc": "2.0", "id": message["id"], "result": found})


def called(message: dict) -> None:  # type: ignore[type-arg]
    if MODE == "dies":
        os._exit(3)
    if MODE == "hangs":
        threading.Event().wait(600)
    if MODE == "floods":
        while True:
            sys.stdout.write("x" * 65536)
    if MODE == "chatters":
        while True:
            say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    told = json.dumps(
        {"env": dict(os.environ), "pid": os.getpid(), "cwd": os.getcwd(), "arguments": sys.argv[2:]}
    )
    result(message, {"content": [{"type": "text", "text": "x" * 3_000_000 if MODE == "huge" else told}]})


def main() -> None:
    if MODE == "quits":
        sys.exit("许可证过期 token-of-the-wall\n")
    if MODE == "offspring":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        other = subprocess.Popen(["sleep", "600"])
        with open(sys.argv[2], "w") as file:
            file.write(f"{os.getpid()} {other.pid} {os.getppid()} {os.environ['HOME']}")
    if MODE == "noisy":
        sys.stdout.write("Welcome to the firewall!\n")
        sys.stderr.write("e" * 3_000_000 + "\n")
        sys.stdout.flush()
    for line in sys.stdin:
        message = json.loads(line)
        if MODE == "mute":
            continue
        if MODE == "garbage":
            sys.stdout.write("Traceback: hello\n")
            sys.stdout.flush()
        elif message["method"] == "initialize":
            result(
                message,
                {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "child"}},
            )
        elif message["method"] == "tools/list":
            result(message, {"tools": [TOOL]})
        elif message["method"] == "tools/call":
            called(message)
    if MODE in ("stays", "offspring"):
        threading.Event().wait(600)


main()
