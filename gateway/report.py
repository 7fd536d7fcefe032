"""Answers of the admin API as text for people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.settings import Listener


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns under a head; the last column runs free."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    return "\n".join(lines)


def welcome(bound: Sequence[tuple[Listener, int]], *, demo: bool) -> str:
    """Where everything listens, and what to try."""
    lines = ["MOGate serves"]
    for listener, port in bound:
        scheme = "https" if listener.certificate else "http"
        address = listener.address.model_copy(update={"port": port})
        lines.append(f"  {scheme}://{address}  {', '.join(listener.serves)}")
        if "admin" in listener.serves:
            lines.append(f"  {scheme}://{address}/console/  web console")
    if demo:
        lines += [
            "Try, in another terminal:",
            "  .venv/bin/mogate simulate omadm",
            "  .venv/bin/mogate simulate rcc14",
            "  .venv/bin/mogate set alice ims/Timer_T1=3000",
        ]
    return "\n".join([*lines, "Ctrl-C stops it; the data stays."])


def subscriber(found: Mapping[str, Any]) -> str:
    """One subscriber with devices and own values."""
    lines = [
        f"subscriber {found['id']}   {found['state']}",
        f"  MSISDN {found['msisdn'] or '-'}   IMSI {', '.join(found['imsis']) or '-'}",
        f"  tenant {found['tenant'] or '-'}   plan {found['plan'] or '-'}   groups {', '.join(found['groups']) or '-'}",
    ]
    lines += [f"  {mo} is {state}" for mo, state in found["application_states"].items()]
    lines += [f"  {node} = {value}" for node, value in found["values"].items()]
    for device in found["devices"]:
        named = f"   {_printable(device['friendly_name'])}" if device["friendly_name"] else ""
        role = "   additional" if device["role"] == "additional" else ""
        seen = device["last_seen_at"] or "never"
        model = f"{device['manufacturer']} {device['model']}".strip() or "-"
        lines.append(f"  device {device['id']}{named}{role}   IMEI {device['imei'] or '-'}   {_printable(model)}   "
                     f"{' '.join(device['protocols']) or '-'}   {device['activation']}   seen {seen}")  # fmt: skip
        lines += [_service(one) for one in found["services"] if one["device_id"] == device["id"]]
    lines += [_service(one) for one in found["services"] if not one["device_id"]]
    return "\n".join(lines)


def _service(found: Mapping[str, Any]) -> str:
    since = f" since {found['at']}" if found["at"] else ""
    why = f": {_printable(found['why'])}" if found["why"] else ""
    by_hand = f"; by hand: {found['by_hand']}" if found["by_hand"] else ""
    return f"    {found['service']}   {found['step']}{since}{why}{by_hand}"


def device(found: Mapping[str, Any]) -> str:
    """One device: both protocols, every leaf's standing, and the operations."""
    model = f"{found['manufacturer']} {found['model']} {found['software']}".strip() or "-"
    model = _printable(model)
    lines = [f"device {found['id']} of subscriber {found['subscriber_id']}   IMEI {found['imei'] or '-'}   {model}"]
    if found["friendly_name"]:
        lines.append(f"  called {_printable(found['friendly_name'])}")
    if found["state"]:
        lines.append(f"  the network wants it {found['state']}")
    if found["tac"]:
        lines.append(f"  {phone_model(found['tac'])}")
    for one in found["speaking"]:
        lines.append(f"  {'speaks' if one['speaks'] else 'does not speak'} {one['protocol']}: {one['why']}")
    lines += owners(found["owners"])
    if found["omadm"]:
        omadm = found["omadm"]
        state = "up to date" if omadm["up_to_date"] else "not up to date"
        lines.append(f"OMA DM   {omadm['loc_uri']}   {state}   last session {omadm['last_session_at'] or 'never'}")
        bounds = ", ".join(f"{name} {most}" for name, most in omadm["uri_limits"].items() if most)
        lines += [f"  its URIs are bounded: {bounds}"] if bounds else []
        lines += [f"  it does not know: {', '.join(omadm['refused_verbs'])}"] if omadm["refused_verbs"] else []
        lines += [f"  others of its model do not: {', '.join(omadm['spared_verbs'])}"] if omadm["spared_verbs"] else []
        refused = [leaf for leaf in found["leaves"] if leaf["standing"] == "refused"]
        lines += [f"  REFUSED  {leaf['node']}  {leaf['status']} {leaf['meaning']}" for leaf in refused]
        rows = [
            [leaf["node"], _shown(leaf["wanted"]), _shown(leaf["held"]), _code(leaf), leaf["standing"]]
            for leaf in found["leaves"]
        ]
        lines.append(_indented(table(["node", "wanted", "held", "answer", "standing"], rows)))
    if found["rcc14"]:
        rcc14 = found["rcc14"]
        reported = "none" if rcc14["reported_version"] is None else rcc14["reported_version"]
        lines.append(
            f"RCC.14   {rcc14['activation']}   version {rcc14['version']} due, {rcc14['sent_version']} sent, "
            f"{reported} reported   {rcc14['role']}, {'has a token' if rcc14['has_token'] else 'has no token'}"
        )
        if rcc14["terms_sent"]:
            answer = "accepted" if rcc14["terms_accepted"] == rcc14["terms_sent"] else "not accepted"
            lines.append(f"  terms of use {rcc14['terms_sent']}: {answer}")
        lines += [f"  {name} = {_printable(value)}" for name, value in rcc14["parameters"].items()]
        lines += [f"  {name} = {_printable(value)} (unknown)" for name, value in rcc14["unknown"].items()]
    lines += [job(one) for one in found["jobs"]]
    of_jobs = tuple(f"{one['id']}." for one in found["jobs"])
    for operation in found["operations"]:
        if of_jobs and operation["id"].startswith(of_jobs):
            continue
        outcome = "waits" if operation["status"] is None else f"{operation['status']} {operation['meaning']}"
        lines.append(f"operation {operation['id']}  {operation['verb']} {operation['uri']}  {outcome}")
        lines += [f"  {uri} = {value}" for uri, value in operation["results"].items()]
    lines += [push_record(one) for one in found["pushes"]]
    return "\n".join(lines)


def job(found: Mapping[str, Any]) -> str:
    """One job in a line, with what it found on the device below."""
    what = f"{found['kind']} {found['action']} {found['subject']}".rstrip()
    if found["state"] == "unconfirmed":
        return f"{what}: confirm it before {found['confirm_until']} with --confirm {found['confirm']}"
    percent = "" if found["percent"] is None else f" {found['percent']} %"
    result = f"{found['code']} {found['meaning']}" if found["code"] is not None else found["step"]
    lines = [f"job {found['id']}  {what}  {found['state']}{percent}  {result}".rstrip()]
    if found["kind"] in ("inventory", "diagnostics") or found["action"] in ("list", "read"):
        lines += [f"  {uri} = {value}" for uri, value in found["read"].items()]
    if found["components"]:
        rows = [[one["id"], one["name"], one["version"], one["state"]] for one in found["components"]]
        lines.append(_indented(table(["component", "name", "version", "state"], rows)))
    return "\n".join(lines)


def exchange(found: Mapping[str, Any], *, raw: bool = False) -> str:
    """One exchange with a device: arrows seen from the gateway, and its decisions below.

    With ``raw`` each message follows as it travelled: its first line, its headers where they were kept, and its body.
    """
    doubt = "" if found["proven"] else "   not proven"
    lines = []
    for message in found["messages"]:
        arrow = "-->" if message["direction"] == "received" else "<--"
        lines.append(f"{arrow} {found['at']} {found['protocol']} {message['line']}{doubt}")
        lines += [f"      {said}" for said in message["says"]]
        if message["direction"] == "received":
            lines += [f"    * {decision}" for decision in found["decisions"]]
        if raw and message["raw"]:
            lines.append(_travelled(message["raw"]))
    return "\n".join(lines)


def comparison(found: Mapping[str, Any]) -> str:
    """Two sessions beside each other, as a difference: what both say, what only one says, and what differs."""
    lines = [
        f"{sign} {one['owner']} {one['protocol']} {one['session'] and 'session ' + one['session']} at {one['at']}, "
        f"{one['exchanges']} exchanges"
        for sign, one in (("-", found["left"]), ("+", found["right"]))
    ]
    arrows = {"received": "-->", "decided": "  *", "sent": "<--"}
    for step in found["steps"]:
        missing = " only in the second" if step["left_seq"] is None else " only in the first"
        lines.append(f"{arrows[step['kind']]}{missing if None in (step['left_seq'], step['right_seq']) else ''}")
        for one in step["lines"]:
            lines += [f"  - {one['left']}"] if one["mark"] in ("left", "differs") else []
            lines += [f"  + {one['right']}"] if one["mark"] in ("right", "differs") else []
            lines += [f"    {one['left']}"] if one["mark"] == "same" else []
    return "\n".join([*lines, f"{found['differences'] or 'no'} lines differ"])


def explanation(found: Mapping[str, Any]) -> str:
    """Each leaf with the layer that set it, and those that lost below it."""
    lines = [f"device {found['device_id']} of subscriber {found['subscriber_id']}"]
    for leaf in found["leaves"]:
        why = f"left out: the subscriber has no {', '.join(leaf['missing'])}" if leaf["missing"] else "taken away"
        lines.append(f"{leaf['node']} = {leaf['value']}" if leaf["value"] is not None else f"{leaf['node']}: {why}")
        lines.append(f"    {_source(leaf['winner'])}")
        lines += [f"    not {_source(loser)}: {loser['template'] or 'taken away'}" for loser in leaf["losers"]]
    return "\n".join([*lines, *owners(found["owners"])])


def owners(found: Sequence[Mapping[str, str]]) -> list[str]:
    """The MOs that one protocol alone writes, a line each."""
    return [f"  {one['mo']} is written by {one['protocol']} alone: {one['why']}" for one in found]


def event(found: Mapping[str, Any]) -> str:
    """Something that happened, in a line."""
    whose = found["device_id"] or found["subscriber_id"]
    said = "  ".join(f"{name}={_printable(text)}" for name, text in found["detail"].items())
    return f"{found['seq']}  {found['at']}  {found['kind']}  {whose}  {said}".rstrip()


def phone_model(found: Mapping[str, Any]) -> str:
    """What the table says of a TAC, in a line."""
    named = f"{found['manufacturer']} {found['model']}".strip() or "-"
    speaks = " ".join(found["protocols"]) or "-"
    return f"TAC {found['tac']}   {named}   said to speak {speaks}   {' '.join(found['capabilities'])}".rstrip()


def sighting(found: Mapping[str, Any]) -> str:
    """What became of a sighting, in a line."""
    whose = f"   subscriber {found['subscriber_id']}" if found["subscriber_id"] else ""
    which = f"   device {found['device_id']}" if found["device_id"] else ""
    return f"{found['outcome']}{whose}{which}   {' '.join(found['causes'])}".rstrip()


def replayed(found: Sequence[Mapping[str, Any]]) -> str:
    """What would follow from each detection of a time."""
    rows = []
    for one in found:
        does = [f"join {group}" for group in one["join"]] + [f"leave {group}" for group in one["leave"]]
        does += [f"plan {one['plan']}"] if one["plan"] is not None else []
        does += [f"{name}={value}" for name, value in one["attributes"].items()]
        does += [f"reach by {one['way']}" if one["way"] else "reach"] if one["reach"] else []
        does += ["webhook"] if one["webhook"] else []
        whose = one["device_id"] or one["subscriber_id"]
        rows.append([one["at"], whose, one["cause"], " ".join(one["rules"]) or "-", ", ".join(does) or "nothing"])
    return table(["at", "device", "cause", "rules", "would follow"], rows) if rows else "no detections in that time"


def document(xml: str) -> str:
    """A provisioning document laid out for reading."""
    from lxml import etree  # few commands show a document, and all of them are to start soon

    root = etree.fromstring(xml.encode())
    return str(etree.tostring(root, pretty_print=True, encoding="unicode")).rstrip()


def syncml(found: Mapping[str, Any]) -> str:
    """The commands of a session that begins now, a line each, and the message that carries them."""
    if not found["commands"]:
        return f"device {found['device_id']} is up to date: nothing is sent"
    return "\n".join([*found["commands"], "", document(found["syncml"])])


def push(made: Mapping[str, Any]) -> str:
    """A push for a phone: what it says, and its octets in every wrapping."""
    lines = [f"{made['kind']} for device {made['device_id']}" if made["device_id"] else made["kind"]]
    lines += [f"  {name}: {value}" for name, value in made["fields"].items()]
    if made["entry"]:
        lines.append(f"  the user types: {made['entry']}")
    if made["id"]:
        return "\n".join([*lines, f"on its way; what becomes of it: mogate push show {made['id']}"])
    if made["document"]:
        lines += ["", document(made["document"])]
    lines += ["", f"body, {len(made['body']) // 2} octets", hexadecimal(made["body"])]
    for number, one in enumerate(made["segments"], 1):
        lines += ["", f"short message {number} of {len(made['segments'])}, {len(one) // 2} octets of user data", one]
    return "\n".join(lines)


def push_record(found: Mapping[str, Any]) -> str:
    """What became of a push, in a line, with a second one for what went wrong."""
    at = found[f"{found['state']}_at"] if found["state"] != "waiting" else found["ordered_at"]
    text = f"push {found['id']}  {found['kind']}  {found['state']}  {at}   attempts {found['attempts']}"
    return f"{text}\n  {found['why']}" if found["why"] else text


def reaching(found: Mapping[str, Any]) -> str:
    """A device that should call, in a line, with a second one for what went wrong."""
    way = f" by {found['way']}" if found["way"] else ""
    text = (
        f"device {found['device_id']}  {found['state']}{way}   attempts {found['attempts']}   "
        f"until {found['deadline_at']}   {found['reason']}"
    )
    return f"{text}\n  {found['why']}" if found["why"] else text


def campaign(found: Mapping[str, Any]) -> str:
    """A campaign: a line for it, one for each group, and one for each code that devices failed with."""
    lines = [f"campaign {found['id']}  {found['name']}  {found['state']}  {found['total']} devices"]
    lines += [f"  {found['why']}"] if found["why"] else []
    lines += [f"  made by {', '.join(found['authors'])}"] if found["authors"] else []
    if (said := found["approval"]) and said["granted"]:
        lines.append(f"  approved by {said['by']} at {said['at']}{said['reason'] and ': '}{said['reason']}")
    lines += [f"  has looked as far as subscriber {found['searched_to']}"] if found["searched_to"] else []
    for number, group in enumerate(found["groups"], 1):
        states = ("pending", "started", "ok", "failed", "skipped", "undone")
        counts = "  ".join(f"{state} {group[state]}" for state in states if group[state])
        lines.append(f"  group {number}{'' if group['open'] else ' (closed)'}, {group['size']} devices: {counts}")
    lines += [f"  failed with {code}: {count}" for code, count in sorted(found["errors"].items())]
    lines += [f"  cannot be undone: {', '.join(found['cannot_undo'])}"] if found["cannot_undo"] else []
    return "\n".join(lines)


def member(found: Mapping[str, Any]) -> str:
    """A device of a campaign, in a line."""
    text = (
        f"{found['place']:>7}  {found['device_id']}  group {found['group']}  {found['state']} {found['code']}".rstrip()
    )
    return f"{text}  not taken back: {', '.join(found['kept'])}" if found["kept"] else text


def instructions(found: Mapping[str, Any]) -> str:
    """What to type into a phone: its menus, each with its fields, numbered through."""
    lines, number = [], 0
    for part in found["parts"]:
        lines += [f"{part['title']}: {part['where']}" if part["where"] else part["title"]]
        for entry in part["entries"]:
            number += 1
            lines.append(f"{number:>4}. {entry['label']}: {entry['value']}")
    lines += [f"no menu has: {', '.join(found['left_out'])}"] if found["left_out"] else []
    return "\n".join(lines)


def publication(made: Mapping[str, Any]) -> str:
    """Whose content profiles change, and what makes those devices call."""
    more = ", …" if made["count"] > len(made["sample"]) else ""
    lines = [f"profiles {made['digest']} change the content of {made['count']} devices"]
    lines += [f"  {', '.join(made['sample'])}{more}"] if made["sample"] else []
    lines += [f"they are made to call by campaign {made['campaign']}"] if made["campaign"] else []
    return "\n".join(lines)


_SIGNS = {"added": "+", "changed": "~", "deleted": "-", "restated": "="}


def plan(found: Mapping[str, Any], *, devices: bool = True) -> str:
    """What an edition of the profiles changes, each profile with its lines, and on how many devices."""
    lines = []
    for one in found["changes"]:
        change = one["change"].upper() if one["change"] == "deleted" else one["change"]
        lines.append(f"{_SIGNS[one['change']]} {one['layer']} profile {one['profile']} in {one['file']}: {change}")
        for said in one["statements"]:
            place = f"{one['file']}:{said['line']}" if said["line"] else one["file"]
            if said["now"] is None:
                lines.append(f"    - {place}  {said['key']}  was {_quoted(said['was'])}".rstrip())
            elif said["was"] is None:
                lines.append(f"    + {place}  {said['key']}  {_quoted(said['now'])}".rstrip())
            else:
                lines.append(f"    ~ {place}  {said['key']}  {_quoted(said['was'])} -> {_quoted(said['now'])}")
    lines += [f"warning: {one}" for one in found["warnings"]]
    if devices:
        more = ", …" if found["count"] > len(found["sample"]) else ""
        lines.append(f"devices whose content changes: {found['count']}")
        lines += [f"  {', '.join(found['sample'])}{more}"] if found["sample"] else []
    deletes = any(one["change"] == "deleted" for one in found["changes"])
    allow = "; it deletes profiles, which --allow-deletions allows" if deletes else ""
    return "\n".join([*lines, f"plan {found['plan']}{allow}"])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def webhook(found: Mapping[str, Any]) -> str:
    """A webhook in a line, with a second one where it is disabled, and one for a secret that was just made."""
    lines = [f"webhook {found['id']}  {found['url']}  {', '.join(found['events'])}"]
    lines += [f"  disabled: {found['disabled']}"] if found["disabled"] else []
    lines += [f"  secret, shown this once: {found['secret']}"] if found["secret"] else []
    return "\n".join(lines)


def delivery(found: Mapping[str, Any]) -> str:
    """A message to a webhook, in a line."""
    answer = "" if found["status"] is None else f"  HTTP {found['status']}"
    text = f"{found['id']}  {found['kind']}  {found['state']}  attempts {found['attempts']}{answer}"
    return f"{text}  {found['why']}" if found["why"] else text


def hexadecimal(digits: str) -> str:
    """Octets in lines of 32, for reading."""
    return "\n".join(digits[start : start + 64] for start in range(0, len(digits), 64))


def _travelled(raw: str) -> str:
    """A message as it travelled, indented below what it says; octets that are no text in lines of 32."""
    digits = re.fullmatch("[0-9A-Fa-f]+", raw)
    return "\n".join(f"      | {line}" for line in (hexadecimal(raw) if digits else raw).splitlines())


def _printable(text: str) -> str:
    """What a device said of itself, without what a terminal would act on."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _source(source: Mapping[str, str]) -> str:
    return " ".join(part for part in (source["layer"], source["profile"], source["place"]) if part)


def _code(leaf: Mapping[str, Any]) -> str:
    return "-" if leaf["status"] is None else f"{leaf['status']} {leaf['meaning']}"


def _shown(value: str | None) -> str:
    if value is None:
        return "-"
    return value if len(value) <= 44 else value[:43] + "…"


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
