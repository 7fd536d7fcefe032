"""The way from SQLite to Redis that the how-to shows, taken with the commands as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from live_gateway import Gateway
from redis_servers import RedisServer

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "run-on-redis.md"
SHOWN_SERVER = "redis://10.0.0.1:6379"


def _commands() -> list[str]:
    """The commands of the section about moving."""
    section = GUIDE.read_text().partition("## Move from SQLite, or back")[2].partition("\n## ")[0]
    return re.findall(r"^    (\S.*)$", section, re.MULTILINE)


def test_the_commands_of_the_how_to_move_a_store_and_back(gateway: Gateway, tmp_path: Path) -> None:
    """What a gateway on SQLite keeps is there on Redis, secrets and versions too, and an export of that is as good."""
    gateway.run("set", "alice", "ims/Timer_T1=3000")
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    before = gateway.json("explain", "alice", "--device", "alice.1")
    assert gateway.stop() == 0

    redis = RedisServer("appendonly yes", "appendfsync always", "maxmemory-policy noeviction").start()
    try:
        commands = _commands()
        assert len(commands) == 2
        for command in commands:
            words = shlex.split(command.replace(SHOWN_SERVER, redis.url))
            variables = {}
            while "=" in words[0]:
                name, _, value = words.pop(0).partition("=")
                variables[name] = value
            assert words.pop(0) == "mogate"
            words = [str(tmp_path / word) if word.endswith(".jsonl") else word for word in words]
            done = gateway.done(*words, **variables)
            assert done.returncode == 0, done.stdout + done.stderr

        gateway.environment["MOGATE_STORE__URL"] = redis.url
        gateway.start()
        assert gateway.json("explain", "alice", "--device", "alice.1") == before
        # The account's secrets and nonces came along: the phone goes on, and is told nothing anew.
        assert gateway.json("simulate", "omadm")["facts"]["commands"] == []
        assert gateway.stop() == 0
        gateway.run("export", str(tmp_path / "back.jsonl"))
        del gateway.environment["MOGATE_STORE__URL"]
        assert " 0 households" not in gateway.run("import", "state", str(tmp_path / "back.jsonl"))
    finally:
        redis.kill()
