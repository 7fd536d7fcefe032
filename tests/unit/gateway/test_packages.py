"""Packages and the links to them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestClient

from gateway.errors import ConfigError, NotFound
from gateway.packages import Link, Packages, format_link, parse_link
from gateway.serving.download import PackageFront

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
KEY = b"k" * 32
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "b7 (2).bin"
    path.write_bytes(CONTENT)
    return path


def test_a_package_is_kept_with_its_digest(packages: Packages, file: Path) -> None:
    """A copy is kept under an id that its content decides; the same again is the same package."""
    package = packages.add(file, "firmware", "b7", "2.0", NOW)
    assert package.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert packages.path(package).read_bytes() == CONTENT
    assert packages.add(file, "firmware", "b7", "2.0", NOW + timedelta(days=1)) == package
    newer = packages.add(file, "firmware", "b7", "2.1", NOW + timedelta(days=1))
    assert packages.find("b7") == newer
    assert packages.find("b7@2.0") == packages.find(package.id) == package
    with pytest.raises(NotFound, match=r"b7@2\.0, b7@2\.1"):
        packages.find("b8")
    with pytest.raises(NotFound):
        packages.find("b7", "software")
    packages.remove(newer)
    assert packages.list() == [package]


def test_an_empty_file_is_no_package(packages: Packages, tmp_path: Path) -> None:
    """It is refused by name, and nothing is left of the attempt."""
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match="empty"):
        packages.add(tmp_path / "empty", "firmware", "x", "1", NOW)
    assert packages.list() == []
    assert list((tmp_path / "packages").iterdir()) == []


def test_links_cannot_be_made_up() -> None:
    """A link is good until its end; changed in any character, or under another key, it stands for nothing."""
    link = Link("0123456789abcdef", "alice.1")
    text = format_link(link, NOW + timedelta(hours=1), KEY)
    assert parse_link(text, NOW, KEY) == link
    assert parse_link(text, NOW + timedelta(hours=1), KEY) is None
    assert parse_link(text, NOW, b"x" * 32) is None
    for index in range(len(text) - 1):
        assert parse_link(text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :], NOW, KEY) is None
    for junk in ("", "é", "=" * 9, "A" * 400):
        assert parse_link(junk, NOW, KEY) is None


async def test_a_download_goes_on_where_it_broke_off(packages: Packages, file: Path) -> None:
    """Range gives the part, If-Range with the ETag makes sure it is of the same file, HEAD and 416 tell the size."""
    package = packages.add(file, "firmware", "b7", "2.0", NOW)
    front = PackageFront(packages, KEY, lambda: NOW)
    link = format_link(Link(package.id, "alice.1"), NOW + timedelta(hours=1), KEY)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await front.handle(request)

    async with TestClient(RawTestServer(handle)) as http:
        whole = await http.get(f"/packages?p={link}")
        assert await whole.read() == CONTENT
        etag = whole.headers["ETag"]
        part = await http.get(f"/packages?p={link}", headers={"Range": "bytes=100-", "If-Range": etag})
        assert part.status == 206
        assert part.headers["Content-Range"] == f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}"
        assert await part.read() == CONTENT[100:]
        changed = await http.get(f"/packages?p={link}", headers={"Range": "bytes=100-", "If-Range": '"other"'})
        assert changed.status == 200
        head = await http.head(f"/packages?p={link}")
        assert head.headers["Content-Length"] == str(len(CONTENT))
        beyond = await http.get(f"/packages?p={link}", headers={"Range": f"bytes={len(CONTENT)}-"})
        assert beyond.status == 416
        for bad in ("", "?p=", f"?p={link[:-2]}xx", f"?q={link}", "?p=" + "A" * 500):
            assert (await http.get(f"/packages{bad}")).status == 404
        packages.remove(package)
        assert (await http.get(f"/packages?p={link}")).status == 404
