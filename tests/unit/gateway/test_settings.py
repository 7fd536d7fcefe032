"""Settings: the file, the environment over it, and errors that name the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.settings import Rcc14, find_settings_file, load_origins, load_settings

SHIPPED = Path(__file__).parents[3] / "config" / "gateway.toml"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return file


def test_the_shipped_settings_load() -> None:
    """The file that is shipped is good, and serves everything on loopback only."""
    settings = load_settings(SHIPPED)
    assert {service for listener in settings.listeners for service in listener.serves} == {
        "omadm",
        "rcc14-http",
        "rcc14-https",
        "admin",
    }
    assert {listener.address.host for listener in settings.listeners} == {"127.0.0.1"}
    assert settings.mo == SHIPPED.parent / "mo"


@pytest.mark.parametrize(
    "mend",
    [
        'address = "[::1]:1"',
        'address = "localhost:1"',
        'address = "0.0.0.0:1"\ncertificate = "c"\nkey = "k"',
        'address = "0.0.0.0:1"\ntrusted_proxies = ["192.0.2.1/32"]',
        'address = "0.0.0.0:1"\ntls_outside = true',
    ],
)
def test_the_admin_api_is_in_clear_only_where_nobody_listens(tmp_path: Path, mend: str) -> None:
    """On loopback, or where a setting says that TLS ends in front of it; elsewhere it takes a certificate."""
    settings = load_settings(written(tmp_path, f'[[listeners]]\nname = "x"\nserves = ["admin"]\n{mend}'))
    assert settings.listener_for("admin") is not None


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``MOGATE_TABLE__KEY`` overrides one key and leaves its neighbours."""
    file = written(tmp_path, '[omadm]\nserver_id = "file"\nsession_seconds = 60\n')
    monkeypatch.setenv("MOGATE_OMADM__SERVER_ID", "environment")
    settings = load_settings(file)
    assert (settings.omadm.server_id, settings.omadm.session_seconds) == ("environment", 60)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("data = [", "is not TOML"),
        ("colour = 1", "colour"),
        ("[omadm]\nsession_seconds = 0", "omadm.session_seconds"),
        ("[omadm]\nsession_secs = 9", "omadm.session_secs"),
        ('[[listeners]]\nname = "x"\naddress = "nowhere"\nserves = ["omadm"]', "listeners.0.address"),
        ('[[listeners]]\nname = "x"\naddress = "[::1]:1"\nserves = ["rcc14-https"]', "certificate"),
        ('[[listeners]]\nname = "x"\naddress = "[::1]:1"\nserves = ["omadm"]\ntrusted_gateways = ["::/0"]', "trusted"),
        (
            '[[listeners]]\nname = "x"\naddress = "0.0.0.0:1"\nserves = ["admin"]',
            "x at 0.0.0.0:1 would carry passwords",
        ),
        ('[operator]\nplmns = ["1"]', "operator.plmns"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, text: str, key: str) -> None:
    """Each fault names the file and the key."""
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")) as caught:
        load_settings(file)
    assert str(file) in str(caught.value)


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``MOGATE_CONFIG`` decides, and is not passed over when it names nothing."""
    monkeypatch.setenv("MOGATE_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match="absent"):
        load_settings(find_settings_file())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('data = "x"\n\n[omadm]\nsession_secs = 9\n', ":4: omadm.session_secs: there is no such setting; did you mean"),
        ('[omadm]\nserver_id = "x"\nsession_seconds = 0\n', ":3: omadm.session_seconds: "),
        (
            '[[listeners]]\nname = "a"\naddress = "[::1]:1"\nserves = ["omadm"]\n\n[[listeners]]\nname = "b"\n'
            'address = "nowhere"\nserves = ["omadm"]\n',
            ":8: listeners.1.address: 'nowhere' is not host:port",
        ),
        ("colour = 1\n[omadm]\nsession_seconds = 0\n", "(and 1 more fault)"),
    ],
)
def test_a_fault_has_its_line_and_mend(tmp_path: Path, text: str, place: str) -> None:
    """The message leads to the line, in a list of tables too, and to the name that was probably meant."""
    with pytest.raises(ConfigError) as caught:
        load_settings(written(tmp_path, text))
    assert place in str(caught.value)


def test_an_address_can_be_said_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``host:port`` as in the file, in a table and in an entry of a list that stays otherwise; its origin is told."""
    listener = '[[listeners]]\nname = "a"\naddress = "[::1]:1"\nserves = ["omadm"]\n'
    file = written(tmp_path, listener + listener.replace('"a"', '"b"'))
    monkeypatch.setenv("MOGATE_EIR__ADDRESS", "[::]:3868")
    monkeypatch.setenv("MOGATE_EIR__METRICS", "localhost:9100")
    monkeypatch.setenv("MOGATE_LISTENERS__1__ADDRESS", "0.0.0.0:80")
    monkeypatch.setenv("MOGATE_LISTENERS__1__SERVES", '["omadm", "rcc14-http"]')
    settings = load_settings(file)
    assert [str(one.address) for one in settings.listeners] == ["[::1]:1", "0.0.0.0:80"]
    assert (settings.listeners[1].name, settings.listeners[1].serves) == ("b", ("omadm", "rcc14-http"))
    assert (str(settings.eir.address), str(settings.eir.metrics)) == ("[::]:3868", "localhost:9100")
    found = {one.key: one for one in load_origins(file)}
    assert found["listeners.1.address"][1:] == ("environment MOGATE_LISTENERS__1__ADDRESS", "0.0.0.0:80")
    assert found["listeners.0.address"][1:] == (f"{file}:3", "[::1]:1")
    assert found["eir.address"][1:] == ("environment MOGATE_EIR__ADDRESS", "[::]:3868")


def test_the_environment_adds_an_entry_to_a_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The next number is a new entry, also of a list that the file does not have; a number is not left out."""
    monkeypatch.setenv("MOGATE_AAA__0__ADDRESS", "127.0.0.1:1812")
    monkeypatch.setenv("MOGATE_AAA__0__SECRET", "aaa.secret")
    assert str(load_settings(written(tmp_path, "")).aaa[0].address) == "127.0.0.1:1812"
    monkeypatch.setenv("MOGATE_AAA__2__ADDRESS", "127.0.0.1:1813")
    with pytest.raises(ConfigError, match="entry 2 is set and there is no entry 1"):
        load_settings(written(tmp_path, ""))


@pytest.mark.parametrize(
    ("variable", "said"), [("MOGATE_LISTENERS__0__ADDRESS", "nowhere"), ("MOGATE_LISTENERS__0__SERVES", "omadm")]
)
def test_a_fault_of_an_entry_in_the_environment_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, said: str
) -> None:
    """What cannot be read ends with a word, not with a traceback."""
    monkeypatch.setenv(variable, said)
    listener = '[[listeners]]\nname = "a"\naddress = "[::1]:1"\nserves = ["omadm"]\n'
    with pytest.raises(ConfigError, match=r"^environment variable"):
        load_settings(written(tmp_path, listener))


def test_a_fault_of_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the environment says wrongly is not looked for in the file."""
    monkeypatch.setenv("MOGATE_OMADM__SESSION_SECONDS", "soon")
    with pytest.raises(ConfigError, match=r"^environment variable MOGATE_OMADM__SESSION_SECONDS: omadm"):
        load_settings(written(tmp_path, "[omadm]\nsession_seconds = 60\n"))


def test_every_setting_tells_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Default, line of the file, or variable; a secret is never shown."""
    file = written(
        tmp_path,
        '[omadm]\nserver_id = "a"\nsession_seconds = 60\n\n[[listeners]]\nname = "x"\naddress = "[::1]:1"\n'
        'serves = ["omadm"]\n',
    )
    monkeypatch.setenv("MOGATE_OMADM__SERVER_ID", "b")
    monkeypatch.setenv("MOGATE_STORE__PASSWORD", "hunter2")
    found = {one.key: one for one in load_origins(file)}
    assert found["omadm.server_id"][1:] == ("environment MOGATE_OMADM__SERVER_ID", "b")
    assert found["omadm.session_seconds"][1:] == (f"{file}:3", "60")
    assert found["omadm.auth"][1:] == ("default", "md5")
    assert found["listeners.0.address"][1:] == (f"{file}:7", "[::1]:1")
    assert found["store.password"][1:] == ("environment MOGATE_STORE__PASSWORD", "(secret)")
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"token_seconds": 1_330_560}, ["rcc14.token_seconds"]),
        ({"token_seconds": 1_330_561}, []),
        ({"servers": [{"fqdn": "hub.example", "app_ids": ["ap2002"]}]}, ["rcc14.app_ids"]),
        ({"servers": [{"fqdn": "hub.example", "app_ids": ["ap2002"]}], "app_ids": ["ap2001"]}, []),
    ],
)
def test_settings_of_rcc14_that_are_hardly_meant(settings: dict[str, Any], named: list[str]) -> None:
    """A token that ends before its client is to come back, and a default server that serves nothing by its own
    ACCESS-CONTROL, are told (RCC.14 TOKEN, ACCESS-CONTROL).
    """
    assert [doubt.partition(":")[0] for doubt in Rcc14(**settings).doubts] == named
