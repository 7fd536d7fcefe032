"""What goes in and out of the console as files: packages, subscribers to import, lists to export."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

from browsing import visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect


def test_a_package_is_uploaded_and_removed(gateway: Gateway, console: Page, tmp_path: Path) -> None:
    """With the digest of what came, larger than a request of the API may be; not taken away from a campaign that needs
    it, and gone once that is over.
    """
    octets = bytes(range(256)) * 8192
    file = tmp_path / "b7 2.1.bin"
    file.write_bytes(octets)
    visit(console, "#/packages")
    form = console.get_by_label("Upload a package")
    form.get_by_label("File", exact=True).set_input_files(file)
    form.get_by_label("Name").fill("B7")
    form.get_by_label("Version").fill("2.1")
    form.get_by_role("button", name="Upload").click()
    digest = hashlib.sha256(octets).hexdigest()
    expect(form.get_by_role("status")).to_contain_text(digest)
    row = console.get_by_role("row", name="B7 2.1")
    expect(row).to_contain_text("2.0 MiB")
    [kept] = gateway.json("firmware", "list")
    assert (kept["sha256"], kept["size_bytes"], kept["file"]) == (digest, len(octets), "b7_2.1.bin")
    assert (gateway.folder / "data" / "packages" / kept["id"] / kept["file"]).read_bytes() == octets
    assert not list((gateway.folder / "data").glob("upload-*"))
    row.get_by_role("button", name="Copy SHA-256").click()
    expect(console.locator("#said")).to_contain_text("Copied SHA-256")
    assert console.evaluate("() => navigator.clipboard.readText()") == digest
    wanted = {"name": "B7 to 2.1", "target": {"devices": ["alice.1"]}, "package": "B7@2.1", "paused": True}
    campaign = gateway.api("POST", "/campaigns", wanted)
    visit(console, "#/overview")
    visit(console, "#/packages")
    expect(row.get_by_role("link")).to_have_text(campaign["id"])
    job = gateway.json("device", "firmware", "update", "alice.1", "B7")
    visit(console, "#/overview")
    visit(console, "#/packages")
    expect(row).to_contain_text("update of alice.1")
    row.get_by_role("button", name="Remove").click()
    row.get_by_role("button", name="Really remove?").click()
    expect(console.get_by_role("alert")).to_contain_text("campaign B7 to 2.1 gives this package to devices")
    gateway.run("campaign", "stop", campaign["id"])
    gateway.until(lambda: gateway.api("GET", f"/campaigns/{campaign['id']}")["state"] == "stopped")
    row.get_by_role("button", name="Remove").click()
    row.get_by_role("button", name="Really remove?").click()
    expect(console.get_by_role("alert")).to_contain_text("of device alice.1 needs this package")
    gateway.run("device", "cancel", "alice.1", job["id"])
    row.get_by_role("button", name="Remove").click()
    row.get_by_role("button", name="Really remove?").click()
    expect(row).to_have_count(0)
    assert gateway.json("firmware", "list") == []


def test_subscribers_of_a_file_are_imported(gateway: Gateway, console: Page, tmp_path: Path) -> None:
    """What would become of each row comes first, with the line of each that is wrong; then they are made."""
    rows = [f'row{number},0010100001{number:05d},+1556{number:07d},basic,"\'=a group, b"' for number in range(250)]
    rows[7] = "row7,12,,basic,"
    rows[9] = "alice,,,,"
    file = tmp_path / "new.csv"
    file.write_text("id,imsis,msisdn,plan,attribute.note\n" + "\n".join(rows) + "\n")
    visit(console, "#/import")
    console.get_by_label("Drop a file of subscribers").set_input_files(file)
    said = console.get_by_role("status")
    expect(said).to_contain_text("Dry run: 248 new 1 there already, left as they are 1 wrong")
    expect(console.get_by_role("row", name="9")).to_contain_text("imsis")
    assert "row0" not in [one["id"] for one in gateway.api("GET", "/subscribers?limit=1000")]
    console.get_by_role("button", name="Import 248 subscribers").click()
    expect(said).to_contain_text("Imported: 248 new")
    row = gateway.api("GET", "/subscribers/row249")
    assert (row["plan"], row["attributes"], row["imsis"]) == ("basic", {"note": "=a group, b"}, ["001010000100249"])
    file.write_text("id;colour\nx;red\n")
    console.get_by_label("Drop a file of subscribers").set_input_files(file)
    expect(console.get_by_role("alert")).to_contain_text("There is no column colour")
    lines = tmp_path / "new.jsonl"
    lines.write_text(json.dumps({"id": "zed"}) + "\n\n{\n")
    dropped = "text => { const data = new DataTransfer(); data.items.add(new File([text], 'new.jsonl')); return data; }"
    transfer = console.evaluate_handle(dropped, lines.read_text())
    console.locator(".drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(said).to_contain_text("Dry run: 1 new 1 wrong")
    expect(console.get_by_role("row", name="3")).to_be_visible()
    assert gateway.api("GET", "/subscribers/alice")["msisdn"] == "+15550100001"


def test_lists_are_exported(gateway: Gateway, console: Page) -> None:
    """As CSV and as lines of JSON, with what was filtered by; the command that does the same is shown."""
    visit(console, "#/exports")
    devices = console.get_by_label("Devices", exact=True)
    devices.get_by_label("That match").fill("plan=premium")
    expect(devices.locator("code")).to_contain_text("/api/v1/devices?match=plan%3Dpremium")
    with console.expect_download() as exported:
        devices.get_by_role("button", name="Save devices.csv").click()
    found = list(csv.DictReader(exported.value.path().read_text().splitlines()))
    assert {row["subscriber_id"] for row in found} == {"alice"}
    console.get_by_label("Format of the files").select_option("jsonl")
    for name, key, value in (
        ("subscribers", "id", "alice"),
        ("values", "of", "alice"),
        ("events", "kind", "subscriber.created"),
        ("audit", "who", "admin.token"),
    ):
        with console.expect_download() as exported:
            console.get_by_role("button", name=f"Save {name}.jsonl").click()
        assert exported.value.suggested_filename == f"{name}.jsonl"
        rows = [json.loads(line) for line in exported.value.path().read_text().splitlines()]
        assert value in [row[key] for row in rows]
