"""The phone that is bootstrapped: what it believes, against MACs that OpenSSL computed, and what it keeps."""

import tomllib
from pathlib import Path

import pytest

from adapters.simulator.cp_phone import CP, DM, installed_account, receive_push
from adapters.simulator.memory import load_memory
from adapters.sms.pdu import Ports, encode_parts
from adapters.sms.wsp import Push, encode_push
from gateway.errors import DecodeError

FOLDER = Path(__file__).parents[3] / "vectors"
VECTORS = tomllib.loads((FOLDER / "push" / "security.toml").read_text())
DOCUMENT = bytes.fromhex((FOLDER / "provisioning" / "cp-account.hex").read_text().partition("\n")[2])
IMSI = VECTORS["imsi"]
MACS = VECTORS["cp-account"]


def messages(security: int | None, mac: str = "") -> tuple[bytes, ...]:
    parameters: tuple[tuple[str, int | str], ...] = () if security is None else (("SEC", security),)
    parameters += (("MAC", mac),) if mac else ()
    return encode_parts(encode_push(Push(CP, DOCUMENT, parameters)), reference=1)


@pytest.mark.parametrize(
    ("security", "mac", "entry", "by"),
    [
        (0, MACS["NETWPIN"], "", "the SIM's IMSI"),
        (1, MACS["USERPIN"], "1234", "the user's PIN"),
        (1, MACS["USERPIN"].lower(), "1234", "the user's PIN"),
        (2, MACS["USERNETWPIN"], "1234", "the SIM's IMSI and the user's PIN"),
        (3, "", MACS["USERPINMAC"], "what the user typed"),
    ],
)
def test_what_is_believed(tmp_path: Path, security: int, mac: str, entry: str, by: str) -> None:
    """Each way to secure a document; the account with its nonces is kept. Spec: OMA-WAP-TS-ProvBoot-V1_1"""
    state = tmp_path / "phone.json"
    made = receive_push(messages(security, mac), state, imsi=IMSI, entry=entry)
    assert (made.result, made.facts["proven_by"]) == ("ok", by)
    account = installed_account(state)
    assert account is not None
    assert (account.client_name, account.client_password) == ("IMEI:004400112233447", "dev-secret-01")
    assert (account.server_id, account.server_name) == ("mdm.example.org", "mdm.example.org")
    assert (account.server_password, account.address) == ("srv-secret-01", "https://mdm.example.org/dm")
    memory = load_memory(state)
    assert memory["client_nonce"] == "EBESExQVFhcYGRobHB0eHw=="
    assert memory["server_nonce"] == "oKGio6SlpqeoqaqrrK2urw=="
    assert memory["parameters"]["APPLICATION/APPAUTH[2]/AAUTHLEVEL"] == "APPSRV"


@pytest.mark.parametrize(
    ("security", "mac", "imsi", "entry", "says"),
    [
        (None, "", IMSI, "", "nothing says who sent it"),
        (0, MACS["NETWPIN"], IMSI[:-1] + "4", "", "not made of the SIM's IMSI"),
        (0, MACS["USERPIN"], IMSI, "1234", "not made of the SIM's IMSI"),
        (1, MACS["USERPIN"], IMSI, "4321", "not made of the user's PIN"),
        (1, MACS["USERPIN"], IMSI, "", "not made of the user's PIN"),
        (2, MACS["USERNETWPIN"], IMSI, "", "the SIM's IMSI and the user's PIN"),
        (3, "", IMSI, "123456332307", "what the user typed"),
        (4, MACS["NETWPIN"], IMSI, "", "nothing says who sent it"),
    ],
)
def test_what_is_refused(tmp_path: Path, security: int | None, mac: str, imsi: str, entry: str, says: str) -> None:
    """A document from somebody else is shown, and nothing of it is kept."""
    state = tmp_path / "phone.json"
    made = receive_push(messages(security, mac), state, imsi=imsi, entry=entry)
    assert made.result.startswith("refused")
    assert says in made.result
    assert made.facts["would_install"] == ["NAPDEF", "BOOTSTRAP", "APPLICATION"]
    assert installed_account(state) is None


def test_what_is_no_bootstrap(tmp_path: Path) -> None:
    """Another port or another content is not for this phone."""
    state = tmp_path / "phone.json"
    push = encode_push(Push(CP, DOCUMENT))
    with pytest.raises(DecodeError, match="not for port 2948"):
        receive_push(encode_parts(push, reference=1, ports=Ports(49999, 1)), state, imsi=IMSI)
    with pytest.raises(DecodeError, match="is not what a phone is bootstrapped with"):
        receive_push(encode_parts(encode_push(Push(DM, b"")), reference=1), state, imsi=IMSI)
    assert not state.exists()
