"""What environment variables say, laid over what the file says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from gateway.errors import ConfigError

NAMES = "environment variables MOGATE_…"


class Environment(EnvSettingsSource):
    """The variables of the process. A number in a name is an entry of a list: ``MOGATE_LISTENERS__0__ADDRESS``."""

    def over(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The file's content with what the variables say in place of it; a list grows by one entry at a time.

        Raises: ConfigError when a value cannot be read, or a number leaves others out.
        """
        try:
            said = self()
        except SettingsError as error:
            raise ConfigError(f"{error}: tables and lists are written as JSON", file=NAMES) from None
        fields = self.settings_cls.model_fields
        return {**content, **{name: self._over(fields[name], content.get(name), one) for name, one in said.items()}}

    def next_field(
        self, field: FieldInfo | Any | None, key: str, case_sensitive: bool | None = None
    ) -> FieldInfo | None:
        """The type of what ``key`` names in a table, or of the entries of a list that it is a number in."""
        if key.isdecimal() and (entry := _entry(field)) is not None:
            return entry  # type: ignore[no-any-return]
        return super().next_field(field, key, case_sensitive)

    def _over(self, field: FieldInfo | Any | None, under: Any, said: Any) -> Any:
        if not isinstance(said, dict):
            return said
        entry = _entry(field)
        if entry is None or not all(map(str.isdecimal, said)):
            table = dict(under or {})
            for key, one in said.items():
                table[key] = self._over(self.next_field(field, key), table.get(key), one)
            return table
        entries = list(under or ())
        for number, one in sorted((int(key), one) for key, one in said.items()):
            if number > len(entries):
                raise ConfigError(f"entry {number} is set and there is no entry {len(entries)}", file=NAMES)
            entries[number : number + 1] = [self._over(entry, dict(enumerate(entries)).get(number), one)]
        return entries


def _entry(field: FieldInfo | Any | None) -> Any:
    """The type of the entries, when the setting is a list."""
    annotation = field.annotation if isinstance(field, FieldInfo) else field
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None
