"""tshark: the independent dissector that reads our short messages, pushes and WBXML from a capture written by hand."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

if shutil.which("tshark") is None:
    raise ImportError("the tests of pushes compare with tshark: apt-get install tshark")

_DLT_USER0 = 147
_SMS_DELIVER_WITH_HEADER = bytes.fromhex("44 0B 91 5155000010F1 00 04 62116281000000")
"""TP-MTI SMS-DELIVER with TP-UDHI, TP-OA, TP-PID 0, TP-DCS 8 bit and TP-SCTS: what stands before TP-UDL."""


def dissect(user_data: Sequence[bytes]) -> str:
    """What tshark says of short messages with these user data, each a packet: all layers, reassembled."""
    return _dissect("gsm_sms", [_SMS_DELIVER_WITH_HEADER + bytes((len(one),)) + one for one in user_data])


def wbxml_elements(documents: Sequence[bytes]) -> list[tuple[str, object]]:
    """The roots of WBXML documents as tshark reads them: (name, text or children), as our codec gives them."""
    frames = _dissect("wbxml", documents).split("\nFrame ")
    return [_element(frame) for frame in frames]


def _dissect(protocol: str, packets: Sequence[bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "packets.pcap"
        capture.write_bytes(_capture(packets))
        command = [
            "tshark", "-r", str(capture), "-V", "-o", "gsm_sms.reassemble:TRUE",
            "-o", f'uat:user_dlts:"User 0 (DLT=147)","{protocol}","0","","0",""',
        ]  # fmt: skip
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def _element(dissection: str) -> tuple[str, object]:
    """The root element out of the lines of a rendering: a tag, a text in quotes, or the end of a tag, one on each."""
    open_elements: list[tuple[str, list[object]]] = [("", [])]
    for line in wbxml_rendering(dissection).decode().splitlines():
        if line.startswith("</"):
            tag, content = open_elements.pop()
            is_text = any(isinstance(piece, str) for piece in content) or not content
            element = (tag, "".join(map(str, content)) if is_text else content)
            open_elements[-1][1].append(element)
        elif line.startswith("<"):
            tag = line.strip("</ >")
            if line.endswith("/>"):
                open_elements[-1][1].append((tag, ""))
            else:
                open_elements.append((tag, []))
        elif line:
            open_elements[-1][1].append(line[1:-1])
    (root,) = open_elements[0][1]
    assert isinstance(root, tuple)
    return root


def _capture(packets: Sequence[bytes]) -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _DLT_USER0)
    return header + b"".join(
        struct.pack("<IIII", at, 0, len(packet), len(packet)) + packet for at, packet in enumerate(packets)
    )


def wbxml_rendering(dissection: str) -> bytes:
    """The WBXML document in a dissection, as the XML that tshark renders it as."""
    table = dissection.rpartition("| Rendering\n")[2].splitlines()
    return "\n".join(line.split("|", 4)[4].strip() for line in table if line.count("|") >= 4).encode()
