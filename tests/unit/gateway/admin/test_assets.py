"""The console's pages as the admin listener serves them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from gateway.admin.assets import FOLDER, load_assets


async def test_the_console_lets_nothing_foreign_in(client: TestClient) -> None:
    """Only the gateway's own files run, nothing frames them, and no file has a script or a style within."""
    async with client.get("/", headers={"Authorization": ""}) as response:
        page = await response.text()
        assert (response.status, response.url.path, response.content_type) == (200, "/console/", "text/html")
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=|//", page)


async def test_a_browser_fetches_a_file_once(client: TestClient) -> None:
    """The same octets are not sent again; other ones at once."""
    async with client.get("/console/app.js") as response:
        assert response.content_type == "text/javascript"
        tag = response.headers["ETag"]
    async with client.get("/console/app.js", headers={"If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with client.get("/console/app.js", headers={"If-None-Match": '"other"'}) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["nothing.js", "../assets.py", "..%2Fassets.py", "vendor/complete", "screens"])
async def test_only_files_of_the_console_are_served(client: TestClient, path: str) -> None:
    """Nothing outside the console's folder has an address."""
    async with client.get(f"/console/{path}") as response:
        assert response.status == 404


def test_no_module_reaches_for_the_network() -> None:
    """The console names no other host, and one module alone fetches."""
    for file in sorted(FOLDER.rglob("*.js")):
        if file.parent.name == "vendor":
            continue
        code = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://|innerHTML|eval\(", code), file.name
        assert "fetch(" not in code or file.name == "api.js", file.name


def test_missing_modules_are_named(tmp_path: Path) -> None:
    """Who installed without the browser modules reads how to get them instead of an empty page."""
    shutil.copy(FOLDER / "index.html", tmp_path)
    assert b"make console" in load_assets(tmp_path)[""].body
