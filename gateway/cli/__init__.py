"""The ``mogate`` command. Each command prints for people, or with ``--json`` for machines."""

from __future__ import annotations

import click

from gateway.cli.group import Group, Later

COMMANDS = {
    "serve": Later("server:serve", "Serve until Ctrl-C."),
    "serve-eir": Later("eir:serve_eir", "Answer ME-Identity-Check over S13 until Ctrl-C."),
    "init": Later("server:init", "Make the data directory with its keys and the admin token; what exists is kept."),
    "check": Later("server:check", "Read settings, DDFs, profiles and mappings, and say what is wrong or doubtful."),
    "tenants": Later("server:tenants", "List the tenants of the running gateway"),
    "nodes": Later("server:nodes", "List the processes that serve from the store of the running gateway"),
    "reload": Later(
        "server:reload", "Have the running gateway take up profiles, mappings, DDFs, ranges and certificates."
    ),
    "backup": Later("state:back_up", "Write all of this gateway into FILE, a compressed tar, and read it again."),
    "restore": Later("state:restore", "Put what is in FILE, of `mogate backup`, into the data directory and the store"),
    "export": Later("state:export", "Write all that the store keeps for long into FILE, as lines of JSON."),
    "mo": Later("catalogue:mo", "The catalogue of management objects."),
    "mapping": Later("mapping:mapping", "How MOs appear in provisioning documents."),
    "subscriber": Later("fleet:subscriber", "Subscribers."),
    "node-set": Later("node_sets:node_set", "Nodes that are read often, by name."),
    "device": Later("fleet:device", "Devices."),
    "model": Later("models:model", "What devices of one make and model were found to lack."),
    "set": Later("values:set_values", "Set values of a subscriber, or of one device when REF is a device id."),
    "unset": Later("values:unset_values", "Take back values that were set on a subscriber or device."),
    "explain": Later("values:explain", "Say which layer set each value, and which layers lost."),
    "render": Later("values:render", "Show what a device would get now."),
    "detect": Later("detect:detect", "Tell of a SIM that was seen in a phone, or of many in a CSV file."),
    "registration": Later("registration:registration", "Tell what the IMS core says of a service."),
    "tac": Later("tac:tac", "Phone models by the first eight digits of the IMEI."),
    "events": Later("events:events", "Show what happened to subscribers and devices, oldest first."),
    "trace": Later("trace:trace", "Show what was said with a device, every command with its answer."),
    "firmware": Later("packages:firmware", "Firmware packages that devices can be told to fetch."),
    "software": Later("packages:software", "Software packages that devices can be told to fetch."),
    "import": Later("importing:import_", "Take over what another server holds."),
    "shadow": Later("shadow:shadow", "What another server answers, beside what this gateway would."),
    "push": Later("push:push", "What makes phones call."),
    "bootstrap": Later("push:bootstrap", "Give a device its OMA DM account and access point."),
    "reach": Later("reaching:reach", "Devices that should call, whatever the way."),
    "user": Later("people:user", "People who may use the console and the admin API."),
    "token": Later("people:token", "Tokens for programs that use the admin API."),
    "audit": Later("audit:audit", "Who did what."),
    "campaign": Later("campaigns:campaign", "One change for many devices, group after group."),
    "webhook": Later("webhooks:webhook", "Receivers of events, over HTTP."),
    "profile": Later("publishing:profile", "Profiles, as files."),
    "plan": Later("publishing:plan", "Show what the profiles in DIR would change on the gateway."),
    "diff": Later("publishing:diff", "Show in what the profiles in DIR differ from those of the gateway."),
    "apply": Later("publishing:apply", "Make the profiles in DIR those of the gateway."),
    "completion": Later("completion:completion", "Print what makes a shell complete commands and options."),
    "simulate": Later("simulate:simulate", "Act as a device against a running gateway."),
}
"""Every command: where it is, and the start of its help."""


@click.group(cls=Group, later=COMMANDS)
@click.version_option(package_name="mogate")
@click.option("--reason", default="", help="Why, for the audit log.")
def main(reason: str) -> None:
    """One management-object tree, served over OMA DM, RCC.14 and OMA CP."""
