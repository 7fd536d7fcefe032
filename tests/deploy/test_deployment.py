"""What is shipped for deployment holds against the programs and schemas that it is for, and against the settings.

No container engine runs here: images are not built and compositions not started by these tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import helm_python
import kubernetes_validate
import pytest
import yaml
from pydantic_settings import BaseSettings

from gateway import cli
from gateway.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = sorted((DEPLOY / "compose").glob("*.yaml"))
BIN = ROOT / ".venv" / "bin"
OTHER_VARIABLES = {"MOGATE_CONFIG"}
VARIABLE = re.compile(r"\bMOGATE_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
TEXTS = [
    file
    for folder in (DEPLOY, ROOT / "docs")
    for file in folder.rglob("*")
    if file.suffix in (".md", ".toml", ".yaml", ".yml", ".service", ".sh", ".conf", ".cfg", ".tpl")
    or file.name == "Dockerfile"
]


def _run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | {"PATH": path} | environment, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _variables(model: type[BaseSettings]) -> set[str]:
    """Every environment variable that sets something, also those of whole tables."""
    schema = model.model_json_schema()
    names: set[str] = set()

    def inner(content: dict[str, Any]) -> dict[str, Any]:
        """What a setting holds, by name where it is a table."""
        for one in (content, *content.get("anyOf", ())):
            if "$ref" in one:
                return inner(schema["$defs"][one["$ref"].rpartition("/")[2]])
            if "items" in one:
                return {"properties": {"0": one["items"]}}
        return content

    def walk(table: dict[str, Any], prefix: str) -> None:
        for name, content in table.get("properties", {}).items():
            names.add(f"{prefix}{name.upper()}")
            walk(inner(content), f"{prefix}{name.upper()}__")

    walk(schema, "MOGATE_")
    return names


def test_every_variable_that_is_named_sets_something() -> None:
    """Deployment files and pages name environment variables that exist."""
    known = _variables(Settings) | OTHER_VARIABLES
    for file in TEXTS:
        named = set(VARIABLE.findall(file.read_text()))
        assert named <= known, f"{file.relative_to(ROOT)}: {sorted(named - known)}"


@pytest.mark.parametrize("file", sorted(DEPLOY.rglob("gateway.toml")), ids=lambda file: file.parent.name)
def test_shipped_settings_load(file: Path) -> None:
    """Settings in deployments are taken without a complaint, and say what they are for in full."""
    assert tomllib.loads(file.read_text())
    assert load_settings(file).listener_for("admin") is not None


def test_the_dockerfile_is_clean() -> None:
    """hadolint finds nothing; the image runs as nobody special and tells whether it is well."""
    file = DEPLOY / "docker" / "Dockerfile"
    _run(BIN / "hadolint", file)
    lines = file.read_text().splitlines()
    user = next(index for index, line in enumerate(lines) if line == "USER 10001:10001")
    assert not any(line.startswith("USER") for line in lines[user + 1 :])
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert file.read_text().count("--require-hashes") == 1


def test_the_image_gets_what_it_copies() -> None:
    """Everything that the Dockerfile copies from the project is there, and nothing keeps it out."""
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    for line in (DEPLOY / "docker" / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name
                assert f"!{name}" in kept, name


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.stem)
def test_compositions_follow_the_specification(file: Path) -> None:
    """The Compose Specification's schema takes the file, and every file it mounts is there."""
    _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    services = yaml.safe_load(file.read_text())["services"]
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (file.parent / source).exists(), f"{name}: {source}"


def test_every_service_is_locked_down() -> None:
    """A service that runs on has a read-only root, no capabilities, no way to more, and no password in its text."""
    services = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())["services"]
    services |= {
        name: services.get(name, {}) | service
        for name, service in yaml.safe_load((DEPLOY / "compose" / "compose.ha.yaml").read_text())["services"].items()
    }
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "cap_add" not in service, name
        assert ":latest" not in service["image"], name
        said = str(service)
        assert "password" not in said.lower().replace("password_file", "").replace("password__file", ""), name
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") or port == "8443:8443" for port in published)


def test_the_proxies_of_the_compositions_start(tmp_path: Path) -> None:
    """The scripts make configurations of the shipped ones that nginx and HAProxy take, with nothing left to fill in."""
    shutil.copytree(DEPLOY / "compose", tmp_path / "compose")
    tls = tmp_path / "tls"
    tls.mkdir()
    _run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=test", "-keyout", tls / "server.key", "-out", tls / "server.pem",
    )  # fmt: skip
    shutil.copy(tls / "server.pem", tls / "ca.pem")
    for name, check in (
        ("nginx.sh", "nginx -t -e {0}/error.log -p {0} -c {0}/whole.conf"),
        ("haproxy.sh", "haproxy -c -f {0}/haproxy.cfg"),
    ):
        script = (DEPLOY / "compose" / name).read_text()
        for there, here in (
            ("/tmp/", f"{tmp_path}/"),
            ("/shipped/mogate.conf", DEPLOY / "nginx" / "mogate.conf"),
            ("/shipped/haproxy.cfg", DEPLOY / "haproxy" / "haproxy.cfg"),
            ("/etc/nginx/conf.d", tmp_path),
            ("/data/tls", tls),
        ):
            script = script.replace(there, str(here))
        script = re.sub(r"^exec .*$", "", script, flags=re.MULTILINE)
        _run("sh", "-c", script)
        for made in [*tmp_path.glob("*.conf"), *tmp_path.glob("*.cfg")]:
            text = made.read_text()
            assert "192.0.2." not in re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE)
            made.write_text(re.sub(r"(server (?:\w+ )?)gateway(?:-2)?:", r"\g<1>127.0.0.1:", text))
        (tmp_path / "whole.conf").write_text(
            f"pid {tmp_path}/pid; events {{}} http {{ access_log off; include {tmp_path}/mogate.conf; }}"
        )
        _run(*check.format(tmp_path).split())


UNITS = sorted(file.name for file in (DEPLOY / "systemd").iterdir() if file.suffix in (".service", ".timer"))


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_sound(tmp_path: Path, name: str) -> None:
    """systemd takes each unit without a word, and rates services as well locked down."""
    for one in UNITS:
        text = (DEPLOY / "systemd" / one).read_text()
        (tmp_path / one).write_text(text.replace("/opt/mogate/.venv/bin/mogate", shutil.which("true") or ""))
    assert _run("systemd-analyze", "verify", "--man=no", tmp_path / name).strip() == ""
    if name.endswith(".service"):
        rated = _run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", tmp_path / name)
        assert "Overall exposure level" in rated


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_runs_what_there_is(name: str) -> None:
    """Every command of a unit is one of `mogate`, and every timer has its service."""
    for shown in re.findall(r"bin/mogate ([a-z-]+)", (DEPLOY / "systemd" / name).read_text()):
        assert shown in cli.main.list_commands(click.Context(cli.main)), shown
    assert all(one.replace(".timer", ".service") in UNITS for one in UNITS)


def test_a_backup_can_be_restored_as_it_is_told(tmp_path: Path) -> None:
    """The commands that the page shows bring the demo operator back, whole, into a directory where nothing was."""
    page = (DEPLOY / "README.md").read_text()
    (drill,) = re.findall(r"^```sh\n(mogate backup .*?)^```", page, re.MULTILINE | re.DOTALL)
    data, other = tmp_path / "data", tmp_path / "drill"
    settings = {"MOGATE_CONFIG": str(ROOT / "config" / "gateway.toml"), "MOGATE_DATA": str(data)}
    path = f"{BIN}:{os.environ['PATH']}"
    commands = "mogate init --demo\nmogate export was.jsonl\n" + drill.replace("/tmp/drill", str(other))
    again = f"MOGATE_DATA={other} mogate export now.jsonl"
    _run("sh", "-c", f"set -e\nPATH={path}\n{commands}{again}", cwd=tmp_path, **settings)
    # The first line says when it was made. How often a record was written is the store's own affair.
    was, now = (
        [re.sub(r',?"revision":\d+', "", line) for line in (tmp_path / name).read_text().splitlines()[1:]]
        for name in ("was.jsonl", "now.jsonl")
    )
    assert len(was) > 5
    assert was == now
    for name in ("seal.key", "admin.token", "demo.json", "tls/server.key"):
        assert (other / name).read_bytes() == (data / name).read_bytes()
        assert (other / name).stat().st_mode & 0o777 == 0o600


CHART = DEPLOY / "helm" / "mogate"
NEEDED: dict[str, Any] = {"store": {"url": "redis://valkey:6379/0"}, "existingSecret": "mogate-keys"}
EVERYTHING: dict[str, Any] = {
    "store": {"url": "redis+sentinel://a,b,c/mogate/0", "existingSecret": "valkey", "replicas": 1},
    "existingSecret": "mogate-keys",
    "tlsSecret": "mogate-tls",
    "trustedGateways": ["10.1.0.0/16"],
    "trustedProxies": ["10.1.0.0/16", "fd00::/8"],
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"proxies": [{"podSelector": {"matchLabels": {"app": "nginx"}}}], "admins": [{"podSelector": {}}]},
    "files": {"profilesConfigMap": "profiles", "mappingConfigMap": "mapping", "moConfigMap": "mo"},
    "extraEnv": [{"name": "MOGATE_SMS__BEARER", "value": "none"}],
    "nodeSelector": {"zone": "a"},
    "image": {"digest": "sha256:" + "0" * 64},
}


def _rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that Helm itself makes of the chart."""
    with helm_python.Chart.load(str(CHART)) as chart:
        texts = chart.render(values, name="demo", namespace="rcs")
    return [one for text in texts.values() for one in yaml.safe_load_all(text) if one]


def test_the_chart_says_what_it_lacks() -> None:
    """Without a store and keys nothing is installed, and Helm's own linter finds no fault."""
    assert helm_python.lint(str(CHART))["errors"] == []
    for missing in NEEDED:
        with pytest.raises(helm_python.HelmError, match=missing):
            _rendered({name: value for name, value in NEEDED.items() if name != missing})


@pytest.mark.parametrize("values", [NEEDED | {"trustedProxies": ["10.0.0.0/8"]}, EVERYTHING], ids=["least", "all"])
def test_the_chart_renders_what_kubernetes_takes(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every object fits Kubernetes' schemas to the letter, and the gateway takes the settings it is given."""
    objects = _rendered(values)
    for one in objects:
        if not one["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(one, "1.30", strict=True)
    container = next(one for one in objects if one["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for entry in container["env"]:
        if "value" in entry:
            monkeypatch.setenv(entry["name"], entry["value"])
    file = tmp_path / "gateway.toml"
    file.write_text(next(one for one in objects if one["kind"] == "ConfigMap")["data"]["gateway.toml"])
    taken = load_settings(file)
    assert [listener.name for listener in taken.listeners] == ["plain", "tls", "admin"]
    rules = [one["spec"] for one in objects if one["kind"] == "PrometheusRule"]
    assert all(one == yaml.safe_load((DEPLOY / "prometheus" / "mogate.rules.yml").read_text()) for one in rules)
