"""The workers of one ``mogate serve``, asking each other: for one ``/metrics`` answer, or to do something together.

In metrics each series gets the label ``worker``, so that a worker that died and began again counts from nothing in its
own series alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gateway.observe import metrics

METRICS = "metrics"
_SECONDS = 1.0


class Siblings:
    """This worker among the others, which meet in a folder of Unix sockets.

    ``answers`` are what it answers with, by question.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self.number = number
        self._server: asyncio.Server | None = None
        self.answers: dict[str, Callable[[], Awaitable[bytes]]] = {METRICS: metrics.scrape}

    async def start(self) -> None:
        """Answer the others."""
        path = self._folder / f"{self.number}.sock"
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, path)

    async def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()

    async def render(self) -> bytes:
        """The metrics of all workers; those of one that does not answer are left out."""
        found = {self.number: await self.answers[METRICS]()} | {
            number: answer for number, answer in (await self.ask_all(METRICS)).items() if answer
        }
        return merge({str(number): found[number] for number in sorted(found)})

    async def ask_all(self, question: str, seconds: float = _SECONDS) -> dict[int, bytes]:
        """What each of the others answers; nothing from one that does not in time. Those that are gone are left out."""
        others = sorted(int(path.stem) for path in self._folder.glob("*.sock") if path.stem != str(self.number))
        answers = await asyncio.gather(*(self._ask(number, question, seconds) for number in others))
        return {number: answer for number, answer in zip(others, answers, strict=True) if answer is not None}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = (await reader.readline()).decode().strip()
            if (answer := self.answers.get(question)) is not None:
                writer.write(await answer())
                await writer.drain()
        except ConnectionError:
            pass  # whoever asked is gone
        finally:
            writer.close()

    async def _ask(self, number: int, question: str, seconds: float) -> bytes | None:
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_unix_connection(self._folder / f"{number}.sock")
                writer.write(f"{question}\n".encode())
                answer = await reader.read()
                writer.close()
                return answer
        except TimeoutError:
            return b""
        except OSError:
            return None


def merge(expositions: Mapping[str, bytes]) -> bytes:
    """One exposition from those of several workers: family by family, each series with the label ``worker``."""
    families: dict[str, list[str]] = {}
    for worker, exposition in expositions.items():
        lines: list[str] = []
        for line in exposition.decode().splitlines():
            if line.startswith("# HELP "):
                lines = families.setdefault(line, [])
            elif line.startswith("#"):
                if line not in lines:
                    lines.append(line)
            else:
                lines.append(_labelled(line, worker))
    return "".join(f"{line}\n" for head, lines in families.items() for line in (head, *lines)).encode()


def _labelled(series: str, worker: str) -> str:
    name, space, value = series.rpartition(" ")
    label = f'worker="{worker}"'
    if name.endswith("}"):
        return f"{name[:-1]},{label}}}{space}{value}"
    return f"{name}{{{label}}}{space}{value}"
