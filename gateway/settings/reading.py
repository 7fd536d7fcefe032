"""Reading the settings: the file, the environment over it, and paths made absolute."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
from pydantic import SecretStr
from pydantic_settings import TomlConfigSettingsSource

from gateway.errors import ConfigError
from gateway.fleet.toml_lines import key_lines, line_of
from gateway.settings.environment import Environment
from gateway.settings.messages import Sms
from gateway.settings.origin import Origin, origins, variable_for
from gateway.settings.shadow import Behind
from gateway.settings.whole import Settings

_Old = TypeVar("_Old", bound=Behind)


def find_settings_file() -> Path:
    """``MOGATE_CONFIG`` if set, else ``config/gateway.toml`` here, else the one that was installed with the package.

    Raises: ConfigError when there is none.
    """
    if named := os.environ.get("MOGATE_CONFIG"):
        return Path(named)
    for candidate in (Path("config/gateway.toml"), Path(sys.prefix) / "share/mogate/config/gateway.toml"):
        if candidate.is_file():
            return candidate
    raise ConfigError("found no config/gateway.toml; name one with MOGATE_CONFIG")


def load_settings(file: Path) -> Settings:
    """The settings of that file and of the environment.

    Raises: ConfigError naming the file and line, or the environment variable, and the key.
    """
    settings, _ = _read(file)
    return _anchored(settings, file.resolve().parent)


def load_origins(file: Path) -> list[Origin]:
    """Every setting as that file and the environment have it, and which of both, or neither, said so.

    Raises: ConfigError.
    """
    settings, lines = _read(file)
    return origins(settings, file, lines, os.environ)


def _read(file: Path) -> tuple[Settings, Mapping[tuple[str, ...], int]]:
    """The settings as they are written, and the lines of the file's keys."""
    if not file.is_file():
        raise ConfigError("there is no such file; name the settings file with MOGATE_CONFIG", file=file)
    try:
        content: dict[str, Any] = dict(TomlConfigSettingsSource(Settings, file)())
        lines = key_lines(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"is not TOML: {error}", file=file) from None
    try:
        return Settings(**Environment(Settings).over(content)), lines
    except pydantic.ValidationError as error:
        raise _fault(error, file, lines) from None


def _fault(error: pydantic.ValidationError, file: Path, lines: Mapping[tuple[str, ...], int]) -> ConfigError:
    """The first fault, with where it was said and how to mend it where that can be told."""
    first, *others = error.errors()
    key = tuple(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key[-1], _siblings(key), 1)
        reason = f"there is no such setting; did you mean {close[0]}?" if close else "there is no such setting"
    if others:
        reason += f" (and {len(others)} more {'fault' if len(others) == 1 else 'faults'})"
    variable = variable_for(key, os.environ)
    if variable:
        return ConfigError(reason, file=f"environment variable {variable}", key=".".join(key))
    return ConfigError(reason, file=file, line=line_of(lines, *key), key=".".join(key))


def _siblings(key: tuple[str, ...]) -> list[str]:
    """The names there are where this key was written."""
    table: type[pydantic.BaseModel] = Settings
    for part in key[:-1]:
        field = table.model_fields.get(part)
        if field is None:
            continue  # a number in a list
        found = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
        table = next((one for one in found if issubclass(one, pydantic.BaseModel)), table)
    return list(table.model_fields)


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings with absolute paths."""
    data = settings.data.absolute()
    listeners = tuple(
        listener.model_copy(
            update={
                "certificate": listener.certificate and data / listener.certificate,
                "key": listener.key and data / listener.key,
                "client_ca": listener.client_ca and data / listener.client_ca,
            }
        )
        for listener in settings.listeners
    )
    directories = tuple(folder / directory for directory in settings.catalogue.directories)
    return settings.model_copy(
        update={
            "data": data,
            "seal_key": data / settings.seal_key,
            "opentelemetry": settings.opentelemetry.model_copy(
                update={
                    name: file and data / file
                    for name in ("authorization_file", "authority")
                    if (file := getattr(settings.opentelemetry, name)) is not None
                }
            ),
            "store": settings.store.model_copy(
                update={
                    name: file and data / file
                    for name in ("password_file", "sentinel_password_file", "authority")
                    if (file := getattr(settings.store, name)) is not None
                }
            ),
            "listeners": listeners,
            "gba": settings.gba.model_copy(
                update={
                    "authority": settings.gba.authority and data / settings.gba.authority,
                    "certificate": settings.gba.certificate and data / settings.gba.certificate,
                    "key": settings.gba.key and data / settings.gba.key,
                }
            ),
            "confirmation": settings.confirmation.model_copy(
                update={
                    name: file and data / file
                    for name in ("authority", "certificate", "key")
                    if (file := getattr(settings.confirmation, name)) is not None
                }
            ),
            "openid": settings.openid.model_copy(
                update={
                    "secret": settings.openid.secret and data / settings.openid.secret,
                    "authority": settings.openid.authority and data / settings.openid.authority,
                }
            ),
            "admin": settings.admin.model_copy(
                update={
                    "openid": settings.admin.openid.model_copy(
                        update={
                            name: file and data / file
                            for name in ("secret_file", "authority")
                            if (file := getattr(settings.admin.openid, name)) is not None
                        }
                    )
                }
            ),
            "sms": _anchored_sms(settings.sms, data),
            "aaa": tuple(one.model_copy(update={"secret": data / one.secret}) for one in settings.aaa),
            "rcc14": settings.rcc14.model_copy(
                update={
                    "ranges": settings.rcc14.ranges and folder / settings.rcc14.ranges,
                    "old_server": _anchored_old(settings.rcc14.old_server, data),
                }
            ),
            "omadm": settings.omadm.model_copy(update={"old_server": _anchored_old(settings.omadm.old_server, data)}),
            "detection": settings.detection.model_copy(
                update={
                    "rules": settings.detection.rules and folder / settings.detection.rules,
                    "spool": settings.detection.spool and data / settings.detection.spool,
                }
            ),
            "profiles": folder / settings.profiles,
            "mapping": folder / settings.mapping,
            "mo": folder / settings.mo,
            "catalogue": settings.catalogue.model_copy(update={"directories": directories}),
        }
    )


def _anchored_old(old: _Old | None, data: Path) -> _Old | None:
    return old and old.model_copy(update={"authority": old.authority and data / old.authority})


def _anchored_sms(sms: Sms, data: Path) -> Sms:
    http = sms.http.model_copy(
        update={
            "password_file": sms.http.password_file and data / sms.http.password_file,
            "authority": sms.http.authority and data / sms.http.authority,
        }
    )
    links = tuple(
        link.model_copy(update={"password_file": link.password_file and data / link.password_file}) for link in sms.smpp
    )
    return sms.model_copy(update={"http": http, "smpp": links})


def read_password(value: SecretStr, file: Path | None, key: str) -> str:
    """A password of the settings: what the file says where there is one, else the value.

    Raises: ConfigError when the file cannot be read.
    """
    if file is None:
        return value.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the password: {error}", file=file, key=key) from None
