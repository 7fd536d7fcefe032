"""The description of the admin API holds for a running gateway: an independent program asks as it says one may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from live_gateway import Gateway

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "ignored_auth", "unsupported_method",
)  # fmt: skip


def test_what_is_asked_is_answered_as_described(gateway: Gateway, tmp_path: Path) -> None:
    """Good and bad requests of every operation: no fault, and no status, form or field that is not described.

    Bodies of lines of JSON are left out, which the program cannot write.
    """
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", gateway.url("admin", "/openapi.json"),
        "--header", f"Authorization: Bearer {gateway.token}",
        "--phases", "fuzzing", "--max-examples", "4", "--seed", "1", "--request-timeout", "30",
        "--checks", ",".join(CHECKS), "--exclude-path-regex", "/bulk$",
        "--continue-on-failure", "--warnings", "off", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
