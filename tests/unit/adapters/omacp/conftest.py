from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def documents() -> dict[str, bytes]:
    """The documents of the vectors, in WBXML."""
    folder = ROOT / "tests" / "vectors" / "provisioning"
    return {file.stem: bytes.fromhex(file.read_text().partition("\n")[2]) for file in folder.glob("cp-*.hex")}
