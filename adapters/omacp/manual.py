"""An OMA CP document as instructions for somebody who types it in, by the words of ``mapping/manual``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError
from gateway.fleet.instructions import Entry, Instructions, Part

USUAL_LANGUAGE = "en"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"having": "with"}):
    """The words for one root characteristic; of several of its type for those that have these parms."""

    characteristic: str
    title: str
    fields: dict[str, str]
    where: str = ""
    where_on: dict[str, str] = {}
    values: dict[str, str] = {}
    having: dict[str, str] = {}

    def is_for(self, characteristic: Characteristic) -> bool:
        return characteristic.type == self.characteristic and all(
            Parm(name, value) in characteristic.parms for name, value in self.having.items()
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    part: tuple[_Part, ...]


class ManualWords:
    """The words by language."""

    def __init__(self, languages: Mapping[str, tuple[_Part, ...]]) -> None:
        self._languages = dict(languages)

    @classmethod
    def load(cls, directory: Path) -> ManualWords:
        """The words in the directory, a file for each language; none when there is no such directory.

        Raises: ConfigError naming the file.
        """
        found = {}
        for path in sorted(directory.glob("*.toml")):
            try:
                found[path.stem] = msgspec.toml.decode(path.read_bytes(), type=_File).part
            except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
                raise ConfigError(str(error), file=path) from None
        return cls(found)

    def instructions(self, document: Characteristic, language: str, phone: str) -> Instructions:
        """What to type into that phone, which is called by manufacturer and model, part after part as the words stand.

        Without a language it is English, or else the first that there is.

        Raises: ConfigError for a language without words.
        """
        if not language:
            language = USUAL_LANGUAGE if USUAL_LANGUAGE in self._languages else min(self._languages, default="")
        if language not in self._languages:
            there = ", ".join(sorted(self._languages)) or "none"
            raise ConfigError(
                f"there are no words for instructions in {language[:20]!r}; there are: {there}. They are files in the "
                "directory manual of the mapping",
                key="language",
            )
        parts: list[Part] = []
        known: set[tuple[int, str]] = set()
        for words in self._languages[language]:
            for number, characteristic in enumerate(document.characteristics):
                if not words.is_for(characteristic):
                    continue
                leaves = list(_leaves(characteristic))
                entries = tuple(
                    Entry(label, words.values.get(value, value))
                    for field, label in words.fields.items()
                    for place, value in leaves
                    if place == field
                )
                known |= {(number, field) for field in words.fields}
                if entries:
                    parts.append(Part(words.title, _menu(words, phone), entries))
        left_out = {
            f"{characteristic.type}/{place}": None
            for number, characteristic in enumerate(document.characteristics)
            for place, _ in _leaves(characteristic)
            if (number, place) not in known
        }
        return Instructions(language, tuple(parts), tuple(left_out))


def _menu(words: _Part, phone: str) -> str:
    named = {name.casefold(): where for name, where in words.where_on.items()}
    return named.get(phone.casefold().strip(), words.where)


def _leaves(characteristic: Characteristic, above: str = "") -> Iterator[tuple[str, str]]:
    """The parms that say something, by their place below the root characteristic, with their values."""
    for parm in filter(lambda parm: parm.value, characteristic.parms):
        yield f"{above}{parm.name}", parm.value
    for child in characteristic.characteristics:
        yield from _leaves(child, f"{above}{child.type}/")
