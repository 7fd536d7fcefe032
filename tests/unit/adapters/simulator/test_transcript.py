"""What a simulated device says of a session, and what it keeps."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.transcript import Transcript


def test_a_transcript_reads_as_a_conversation() -> None:
    """Arrows seen from the device, what was said below each, and at the end how it went; long facts are counted."""
    transcript = Transcript()
    transcript.sent("POST /omadm", "Alert 1201")
    transcript.received("HTTP 503")
    transcript.result = "gateway answered HTTP 503"
    transcript.facts |= {"repeats": ["identical"], "commands": ["Get ./A 200"] * 40}
    assert transcript.text().splitlines() == [
        "--> POST /omadm",
        "      Alert 1201",
        "<-- HTTP 503",
        "result: gateway answered HTTP 503",
        "  repeats: ['identical']",
        "  commands: 40",
    ]
    plain = json.loads(json.dumps(transcript.as_json()))
    assert plain["steps"][0] == {"direction": "sent", "line": "POST /omadm", "says": ["Alert 1201"]}
    assert plain.keys() == {"result", "steps", "values", "facts"}


def test_memory_is_kept_for_this_user_alone(tmp_path: Path) -> None:
    """What was saved is there again, also over an earlier state; a device fresh from the factory knows nothing."""
    file = tmp_path / "deep" / "phone.json"
    assert load_memory(file) == {}
    save_memory(file, {"nonce": "1", "tree": {}})
    save_memory(file, {"nonce": "2"})
    assert load_memory(file) == {"nonce": "2"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
