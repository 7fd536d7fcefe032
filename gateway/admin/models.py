"""What the admin API takes and gives: one model per body, the source of validation and of the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from datetime import time as datetime_time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    JsonValue,
    model_validator,
)

from gateway.access.people import NAME
from gateway.access.roles import check_permission
from gateway.errors import TreeError
from gateway.fleet.operation import ACCEPTED_SECONDS
from gateway.tree.format import Format
from gateway.tree.uri import MAX_URI_BYTES, Address


def _address(text: str) -> str:
    try:
        Address.parse(text)
    except TreeError as error:
        raise ValueError(str(error)) from None
    return text


Identifier = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
Msisdn = Annotated[str, Field(pattern=r"^(\+[0-9]{3,15})?$")]
# What XML 1.0 cannot carry could never be told to a device.
Text = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]*$")]
Name = Annotated[Text, Field(max_length=200)]
NodeAddress = Annotated[Text, Field(min_length=1, max_length=MAX_URI_BYTES), AfterValidator(_address)]

MAX_MEMBERS = 80
"""Most operations in a group: it has to fit into one message."""

StateName = Literal["active", "dormant", "disabled", "disabled_until_user", "disabled_permanently"]
ProtocolName = Literal["omadm", "rcc14"]


class Model(BaseModel):
    """Refuses fields it does not know, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(extra="forbid")


class Problem(Model):
    """Why a request was refused: ``detail`` says it. ``id`` finds the traceback in the log when the gateway failed."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
    id: str = ""


UserName = Annotated[str, Field(pattern=f"^{NAME}$")]
Secret = Annotated[str, Field(min_length=1, max_length=200, repr=False, json_schema_extra={"writeOnly": True})]
NewSecret = Annotated[str, Field(min_length=12, max_length=200, repr=False, json_schema_extra={"writeOnly": True})]
ShownOnce = Annotated[str, Field(repr=False)]
MaybeNewSecret = Annotated[
    str | None, Field(min_length=12, max_length=200, repr=False, json_schema_extra={"writeOnly": True})
]


class Credentials(Model):
    """Who logs in."""

    name: UserName
    password: Secret


class FirstUser(Model):
    """The first administrator. ``token`` is the set-up token of the data directory; it works once."""

    token: Secret
    name: UserName
    password: NewSecret


class NewPassword(Model):
    """One's own password, old and new."""

    old: Secret
    new: NewSecret


class SessionView(Model):
    """Who the caller is and may do. A browser sends ``csrf`` as ``X-CSRF-Token`` with every request that is no GET.

    ``tenant`` is the only one whose subscribers the caller gets to see; empty for all. ``by`` is how they got in.
    """

    name: str
    role: str
    tenant: str
    by: Literal["token", "password", "openid"]
    permissions: list[str]
    csrf: ShownOnce


class LogInWays(Model):
    """How people can log in: with passwords, and at the OpenID provider of that name; empty for none."""

    passwords: bool
    provider: str


RoleName = Literal["viewer", "helpdesk", "provisioning", "noc", "admin"]
PermissionText = Annotated[str, Field(max_length=60), AfterValidator(check_permission)]


class NewUser(Model):
    """A person who may use the API. Without a password it takes somebody else to say who they are.

    ``tenant`` is the only one whose subscribers they get to see; empty for all.
    """

    name: UserName
    role: RoleName
    password: MaybeNewSecret = None
    tenant: Name = ""


class UserChange(Model):
    """What changes of a person; what is left out stays."""

    role: RoleName | None = None
    password: MaybeNewSecret = None
    tenant: Name | None = None
    disabled: bool | None = None


class UserView(Model):
    """A person who may use the API."""

    name: str
    role: str
    tenant: str
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None


class AuditView(Model):
    """A change that somebody asked for: who, from where, what the request said, and what was so before and after.

    Secrets are starred. ``status`` is how it was answered; ``reason`` is what the request gave as ``X-Reason``.
    """

    id: str
    at: datetime
    who: str
    role: str
    tenant: str
    address: str
    action: str
    path: str
    subject: str
    status: int
    reason: str
    asked: JsonValue
    before: dict[str, JsonValue]
    after: dict[str, JsonValue]


class NewToken(Model):
    """A token for a program: with the permissions of a role, or with those listed, as ``devices:read``.

    It is good for so many ``days`` (0: without end), for one tenant or all (empty), from these networks or from
    anywhere (none).
    """

    name: Annotated[Name, Field(min_length=1)]
    role: RoleName | None = None
    permissions: Annotated[list[PermissionText], Field(max_length=100)] = []
    tenant: Name = ""
    networks: Annotated[list[IPvAnyNetwork], Field(max_length=50)] = []
    days: Annotated[int, Field(ge=0, le=3650)] = 90

    @model_validator(mode="after")
    def _check_permissions(self) -> NewToken:
        if (self.role is None) == (not self.permissions):
            raise ValueError("a token has either a role or permissions")
        return self


class TokenView(Model):
    """A token, without what it is used by."""

    id: str
    name: str
    permissions: list[str]
    tenant: str
    networks: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class IssuedToken(TokenView):
    """A new token. ``token`` goes after ``Authorization: Bearer``, and is not shown again."""

    token: ShownOnce


class NewSubscriber(Model):
    """A subscriber to create; without ``id`` one is made up."""

    id: Identifier | None = None
    imsis: list[Annotated[str, Field(pattern="^[0-9]{6,15}$")]] = []
    msisdn: Msisdn = ""
    tenant: Name = ""
    plan: Name = ""
    groups: list[Name] = []
    attributes: dict[Name, Name] = {}


SimKey = Annotated[str, Field(pattern="^[0-9A-Fa-f]{32}$", repr=False, json_schema_extra={"writeOnly": True})]


class NewSim(Model):
    """The keys of a SIM as 32 hexadecimal digits each; they cannot be read back. ``sqn`` is the last number used."""

    k: SimKey
    opc: SimKey
    sqn: Annotated[int, Field(ge=0, lt=1 << 48)] = 0


class NewState(Model):
    """What the network wants for a subscriber's service, or for one application (the key of its MO)."""

    state: StateName
    application: Name = ""


class NewDeviceState(Model):
    """What the network wants for one device; null for what it wants for the subscriber."""

    state: StateName | None


class Revocation(Model):
    """How a device is shut out: with ``token_only`` it may come back once it has proven anew who it is."""

    token_only: bool = False


class ConfirmationAnswer(Model):
    """What the user did with a confirmation request."""

    value: Literal["accept", "decline"]


class ConfirmationAck(Model):
    """That the answer was taken."""

    id: str
    status: str


class CredentialReading(Model):
    """How a credential is read: ``rotate`` makes another password first, ``with_password`` shows it next to H(A1)."""

    rotate: bool = False
    with_password: bool = False


class ImsCredentialView(Model):
    """A device's Digest credential for IMS. ``ha1`` is MD5(username:realm:password), in hexadecimal."""

    device_id: str
    username: str
    realm: str
    ha1: ShownOnce
    password: ShownOnce
    serial: int


class DeviceSummary(Model):
    """One device in a subscriber's list. ``protocols`` are those it has spoken or has an account for.

    ``activation`` is where it stands with its RCC.14 service, ``role`` whether the subscriber's SIM is in it.
    """

    id: str
    friendly_name: str
    role: str
    activation: str
    imei: str
    manufacturer: str
    model: str
    protocols: list[ProtocolName]
    last_seen_at: datetime | None


class DeviceRow(Model):
    """One device in the list of all. ``protocols`` are those it has spoken or has an account for."""

    id: str
    subscriber_id: str
    tenant: str
    plan: str
    imei: str
    manufacturer: str
    model: str
    software: str
    protocols: list[ProtocolName]
    last_seen_at: datetime | None


class SubscriberView(Model):
    """One subscriber with everything set for them alone. ``sims`` are the IMSIs whose keys are known."""

    id: str
    imsis: list[str]
    msisdn: str
    tenant: str
    plan: str
    groups: list[str]
    attributes: dict[str, str]
    values: dict[str, str]
    state: str
    sims: list[str]
    application_states: dict[str, str]
    devices: list[DeviceSummary]


class Values(Model):
    """Values to set and to take back, by node address (``ims/Timer_T1``)."""

    set: dict[str, str] = {}
    unset: list[str] = []


class ValuesChanged(Model):
    """What a change of values leaves to say: doubts about values of nodes whose definition is provisional."""

    warnings: list[str]


class Edits(Model):
    """Values that somebody thinks of setting: of a whole subscriber, and of one device of theirs."""

    subscriber: Values = Values()
    device: Values = Values()


class Preview(Model):
    """What a device would get: the commands of its next OMA DM session a line each and as one message, and the RCC.14
    document. Nothing of it was sent.
    """

    commands: list[str]
    syncml: str
    document: str
    warnings: list[str]


class DmMessage(Model):
    """The commands that a device's next OMA DM session would begin with: a line each, and as one message.

    Both are empty when the device is up to date and nothing waits for it.
    """

    device_id: str
    commands: list[str]
    syncml: str


class ObjectSummary(Model):
    """One management object. ``moi`` is its identifier, empty when only a setting can give it."""

    key: str
    moi: str
    title: str
    specification: str
    nodes: int


class PermittedValue(Model):
    """One value that a node may have, and what it means."""

    value: str
    meaning: str


class ProvenanceView(Model):
    """Where a definition comes from."""

    status: str
    note: str


class DefinitionView(Model):
    """What one node may hold. ``path`` is below the root of the MO; an unnamed node reads ``<X>`` in it."""

    path: str
    name: str
    formats: list[str]
    occurrence: str
    max_occurs: int | None
    access: list[str]
    default: str | None
    title: str
    description: str
    permanent: bool
    types: list[str]
    case_sensitive: bool | None
    values: list[PermittedValue]
    low: int | None
    high: int | None
    provenance: ProvenanceView


class ObjectView(Model):
    """One management object, its nodes in one list with parents first."""

    key: str
    moi: str
    title: str
    specification: str
    manufacturer: str
    model: str
    path: str
    nodes: list[DefinitionView]


class ProfileLeaf(Model):
    """What a profile says of one node: a template, or null where it takes away what weaker profiles set there."""

    node: str
    template: str | None
    place: str


class ProfileView(Model):
    """One profile. ``match`` is facet -> values, of which a device must have one of each facet."""

    name: str
    layer: str
    file: str
    match: dict[str, list[str]]
    leaves: list[ProfileLeaf]
    warnings: list[str]


class NewDevice(Model):
    """A device with an OMA DM account. ``loc_uri`` is what the device sends as its Source/LocURI.

    ``auth`` is how the device proves itself, ``server_auth`` how the gateway does. ``certificate`` is the SHA-256
    fingerprint of a TLS client certificate that proves the device as well, ``certificate_subject`` the subject of any
    that does (``CN=IMEI:490154203237518,O=Acme``); with ``certificate_required`` nothing else does.
    """

    loc_uri: Annotated[Name, Field(min_length=1)]
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    manufacturer: Name = ""
    model: Name = ""
    auth: Literal["basic", "md5", "mac"] = "md5"
    server_auth: Literal["basic", "md5", "mac"] = "md5"
    certificate: Annotated[str, Field(pattern="^([0-9A-Fa-f]{2}:?){32}$|^$")] = ""
    certificate_subject: Annotated[str, Field(max_length=512)] = ""
    certificate_required: bool = False
    client_name: Name = ""
    server_name: Name = ""


class OldDevice(Model):
    """A device of another server with the OMA DM account it has, both directions of it.

    ``subscriber`` is anything that names one.
    """

    subscriber: Annotated[Name, Field(min_length=1)]
    loc_uri: Annotated[Name, Field(min_length=1)]
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    manufacturer: Name = ""
    model: Name = ""
    auth: Literal["basic", "md5", "mac"] = "md5"
    server_auth: Literal["basic", "md5", "mac"] = "md5"
    client_name: Name = ""
    client_password: Secret
    server_name: Name = ""
    server_password: Secret


class BulkRow(Model):
    """What became of one row, counted from 1: ``id`` is whom it made or found, ``why`` what was wrong with it."""

    row: int
    outcome: Literal["created", "present", "failed"]
    id: str
    why: str


class NewAccount(Model):
    """The new device's id and both directions of its account. The passwords are not shown again."""

    device_id: str
    client_name: str
    client_password: ShownOnce
    server_name: str
    server_password: ShownOnce


class LeafView(Model):
    """One leaf of one device. What is wanted, what was sent, what the device answered and what it says it holds."""

    node: str
    uri: str
    wanted: str | None
    sent: str | None
    sent_at: datetime | None
    status: int | None
    meaning: str | None
    status_at: datetime | None
    held: str | None
    read_at: datetime | None
    standing: str


class Rcc14View(Model):
    """The RCC.14 side of a device: the version it is due, the one handed out, the one it says it holds.

    ``parameters`` are what it last said of itself, ``unknown`` what else it sent. ``imsi`` is the SIM that was proven
    to be in it; without one it is an additional device.
    """

    activation: str
    role: str
    imsi: str
    has_token: bool
    terms_sent: str
    terms_accepted: str
    unknown: dict[str, str]
    version: int
    sent_version: int
    sent_at: datetime | None
    reported_version: int | None
    reported_at: datetime | None
    parameters: dict[str, str]


class OmaDmView(Model):
    """The OMA DM side of a device. It is not sent ``refused_verbs`` nor URIs beyond ``uri_limits`` (0: no bound)."""

    loc_uri: str
    auth: str
    server_auth: str
    certificate: str
    certificate_subject: str
    last_session_at: datetime | None
    up_to_date: bool
    refused_verbs: list[str]
    uri_limits: dict[str, int]


class OperationView(Model):
    """One operation and its outcome; ``status`` is null until it is final.

    An operation that the device took on but has not ended has ``accepted_at``; ``result`` is the code it reported at
    the end. A group has ``members``; ``answers`` are the user's to a prompt.
    """

    id: str
    verb: str
    uri: str
    value: str | None
    created_at: datetime | None
    sent_at: datetime | None
    accepted_at: datetime | None
    status: int | None
    meaning: str | None
    result: int | None
    results: dict[str, str]
    answers: list[str]
    waits_for: str
    members: list[OperationView]


class NewJob(Model):
    """A job for a device. ``subject`` is a package, a component or a capability; ``items`` is what to wipe.

    Grave actions are asked for twice: the answer to the first call has the ``confirm`` of the second.
    """

    kind: Literal["firmware", "software", "lock", "capability", "inventory", "account"]
    action: Name
    subject: Name = ""
    items: Annotated[list[Name], Field(max_length=50)] = []
    hours: Annotated[int, Field(ge=1, le=2160)] | None = None
    confirm: Name | None = None


class ComponentView(Model):
    """One software component on a device."""

    node: str
    id: str
    name: str
    version: str
    state: str


class JobView(Model):
    """One job: what runs, how far it is where that is known, and the code that ended it with its meaning.

    ``state`` unconfirmed is no job yet: repeat the call with ``confirm`` before ``confirm_until``. ``read`` and
    ``components`` are what it found on the device.
    """

    id: str = ""
    kind: str
    action: str
    subject: str
    state: Literal["unconfirmed", "running", "done", "failed", "expired", "cancelled"]
    confirm: str | None = None
    confirm_until: datetime | None = None
    step: str = ""
    percent: int | None = None
    code: int | None = None
    meaning: str = ""
    created_at: datetime | None = None
    deadline_at: datetime | None = None
    ended_at: datetime | None = None
    read: dict[str, str] = {}
    components: list[ComponentView] = []


class PackageView(Model):
    """One package that devices can be told to fetch."""

    id: str
    kind: Literal["firmware", "software"]
    name: str
    version: str
    file: str
    size_bytes: int
    sha256: str
    added_at: datetime


class TacView(Model):
    """What the operator's table says of phones of one TAC: ``protocols`` are those they are said to speak."""

    tac: str
    manufacturer: str
    model: str
    protocols: list[str]
    capabilities: list[str]


class DeviceView(Model):
    """Everything known of one device. ``others`` are leaves it holds over OMA DM that nobody wants anything of.

    ``tac`` is what the table of phone models says of it, absent when that has no such TAC. ``speaking`` is what follows
    from that and from what the device did; ``owners`` are the MOs that one protocol alone writes to it.
    """

    id: str
    subscriber_id: str
    imei: str
    manufacturer: str
    model: str
    software: str
    friendly_name: str
    state: str | None
    tac: TacView | None
    speaking: list[SpeakingView]
    owners: list[OwnerView]
    values: dict[str, str]
    last_seen_at: datetime | None
    omadm: OmaDmView | None
    rcc14: Rcc14View | None
    leaves: list[LeafView]
    others: list[LeafView]
    jobs: list[JobView]
    operations: list[OperationView]
    pushes: list[PushRecord]


class NewPrompt(Model):
    """What to show or ask the user; ``choices`` belong to the kinds ``choice`` and ``choices``."""

    kind: Literal["display", "confirm", "input", "choice", "choices"]
    text: Text
    choices: Annotated[list[Text], Field(max_length=100)] = []
    min_seconds: Annotated[int | None, Field(ge=1, le=86_400)] = None
    max_seconds: Annotated[int | None, Field(ge=1, le=86_400)] = None
    default: Text = ""
    max_length: Annotated[int | None, Field(ge=1, le=10_000)] = None
    input: Literal["", "A", "N", "D", "T", "P", "I"] = ""
    password: bool = False

    @model_validator(mode="after")
    def _check_choices(self) -> NewPrompt:
        if (self.kind in ("choice", "choices")) != bool(self.choices):
            raise ValueError("choices are for the kinds choice and choices, and these need some")
        return self


class NewCondition(Model):
    """Wait for the answer to a queued prompt: one of ``answers`` (``accept``, ``2``, a text), or any but a refusal."""

    operation: Annotated[str, Field(min_length=1, max_length=64)]
    answers: list[Text] = []


class NewOperation(Model):
    """An operation for the next OMA DM session. Without ``format`` the value is text.

    Get, Add, Replace, Delete, Copy and Exec need ``uri``, Copy its ``source`` too; Atomic and Sequence need
    ``members``; Alert needs a ``prompt``.
    """

    verb: Literal["Get", "Add", "Replace", "Delete", "Copy", "Exec", "Atomic", "Sequence", "Alert"]
    uri: NodeAddress | Literal[""] = ""
    value: Text | None = None
    format: Format | Literal[""] = ""
    type: Name = ""
    source: NodeAddress | Literal[""] = ""
    members: Annotated[list[NewOperation], Field(max_length=MAX_MEMBERS)] = []
    prompt: NewPrompt | None = None
    condition: NewCondition | None = None
    deadline_seconds: Annotated[int, Field(ge=1, le=366 * 86_400)] = ACCEPTED_SECONDS

    @model_validator(mode="after")
    def _check_shape(self) -> NewOperation:
        grouped = self.verb in ("Atomic", "Sequence")
        if grouped != bool(self.members):
            raise ValueError("members are for Atomic and Sequence, and these need some")
        if (self.verb == "Alert") != (self.prompt is not None):
            raise ValueError("a prompt is for Alert, and that needs one")
        if not grouped and self.verb != "Alert" and not self.uri:
            raise ValueError(f"{self.verb} needs the uri of a node")
        if (self.verb == "Copy") != bool(self.source):
            raise ValueError("source is for Copy, and that needs one")
        if any(member.condition is not None for member in self.members):
            raise ValueError("a member of a group cannot wait for an answer; let the group wait")
        refused = ("Get", "Atomic", "Exec") if self.verb == "Atomic" else ("Sequence",)
        if wrong := [member.verb for member in self.members if member.verb in refused]:
            raise ValueError(f"no {wrong[0]} can be in a group of kind {self.verb}")
        return self


class Source(Model):
    """One layer's word on a leaf."""

    layer: str
    profile: str
    place: str
    template: str | None


class ExplainedLeaf(Model):
    """Why a leaf is what it is: the layer that won, and the layers that lost, weakest last."""

    node: str
    value: str | None
    missing: list[str]
    winner: Source
    losers: list[Source]


class OwnerView(Model):
    """The protocol that alone writes an MO to one device, and why it is this one."""

    mo: str
    protocol: Literal["omadm", "rcc14", "omacp"]
    why: str


class SpeakingView(Model):
    """A protocol of one device: whether it counts as spoken, whether its model is said to speak it, and why."""

    protocol: Literal["omadm", "rcc14", "omacp"]
    speaks: bool
    declared: bool
    why: str


class Explanation(Model):
    """The leaves of one device's desired tree with where each came from, and the MOs that one protocol alone writes."""

    subscriber_id: str
    device_id: str
    leaves: list[ExplainedLeaf]
    owners: list[OwnerView]


class Document(Model):
    """The RCC.14 document as this device would get it now."""

    layout: Literal["A", "B"]
    version: int
    document: str


class NewBootstrap(Model):
    """A bootstrap message. Without ``auth`` the device keeps its own way; without ``pin`` one is made up.

    ``imei`` names a device of the subscriber, or a new one. USERPINMAC is of OMA CP alone.
    """

    profile: Literal["cp", "dm"] = "cp"
    security: Literal["netwpin", "userpin", "usernetwpin", "userpinmac"] = "netwpin"
    pin: Annotated[str, Field(pattern="^([0-9]{4,8})?$")] = ""
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    auth: Literal["basic", "md5", "mac"] | None = None


class PushView(Model):
    """A push for one phone: field by field, as markup, and in octets (hexadecimal).

    ``entry`` is what the phone's user has to type in, empty when nothing. ``segments`` are the user data of its short
    messages, header included: TP-UDHI set, TP-PID 0, TP-DCS 4 unless ``fields`` say otherwise. One that is on its way
    has an ``id`` and shows neither markup nor octets.
    """

    id: str
    device_id: str
    kind: str
    fields: dict[str, str]
    document: str
    entry: str
    body: str
    push: str
    segments: list[str]


class PushRecord(Model):
    """What became of one push: ``waiting``, ``submitted``, ``delivered``, ``failed`` or ``contacted``.

    Of its ``parts`` the bearer took ``handed_over``; the next attempt is ``due_at``. ``contacted`` says that the phone
    has called since. ``why`` is the newest thing that went wrong.
    """

    id: str
    kind: str
    device_id: str
    session_id: str
    state: str
    ordered_at: datetime
    submitted_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    contacted_at: datetime | None
    due_at: datetime | None
    attempts: int
    parts: int
    handed_over: int
    why: str


class NewReach(Model):
    """That a device should call, for this ``reason``.

    ``within_seconds`` spreads the moment at which it is first pushed to; ``deadline_seconds`` is after how long it is
    given up (absent: as the settings have it). ``protocol`` is the one it should call by, where it speaks several.
    """

    reason: Annotated[str, Field(min_length=1, max_length=200)] = "asked for by an operator"
    within_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 0
    deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    protocol: Literal["", "omadm", "rcc14"] = ""


class ReachView(Model):
    """A device that should call: ``waiting`` for its turn, ``pushed``, ``contacted`` when it called but is not done.

    ``way`` and ``push`` are of the newest attempt: "rcscfg", "dm_notify", "bootstrap", "cp", or "wait" for its own
    call. ``due_at`` is when it is looked at next. ``why`` is the newest thing that went wrong.
    """

    device_id: str
    state: str
    reason: str
    protocol: str
    way: str
    push: str
    attempts: int
    ordered_at: datetime
    pushed_at: datetime | None
    called_at: datetime | None
    deadline_at: datetime
    why: str


class CampaignTarget(Model):
    """Which devices: those listed (ids or IMEIs), first and in this order, and those that ``match`` as profiles do.

    ``match`` is facet -> values: tenant, plan, group, manufacturer, model, tac, role, plmn, ``attributes.NAME``. With
    ``dynamic``, devices that come to match while the campaign runs join its last group.
    """

    devices: Annotated[list[Name], Field(max_length=10_000)] = []
    match: dict[str, list[str]] = {}
    dynamic: bool = False


class CampaignGroup(Model):
    """So many devices (``size``), or so many in a hundred of all (``percent``).

    It is a success when ``success_percent`` of it are ok, and an error when more than ``error_percent`` failed.
    """

    size: Annotated[int, Field(ge=1)] | None = None
    percent: Annotated[int, Field(ge=1, le=100)] | None = None
    success_percent: Annotated[int, Field(ge=0, le=100)] = 90
    error_percent: Annotated[int, Field(ge=0, le=100)] = 10

    @model_validator(mode="after")
    def _check_size(self) -> CampaignGroup:
        if (self.size is None) == (self.percent is None):
            raise ValueError("a group has a size or a percent, and not both")
        return self


class CampaignWindow(Model):
    """The hours, by the clock on the wall, at which devices are started; over midnight where ``end`` is the earlier."""

    begin: datetime_time
    end: datetime_time
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _check_window(self) -> CampaignWindow:
        if self.begin == self.end:
            raise ValueError("begin and end are the same; leave the window out for the whole day")
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"there is no timezone {self.timezone[:40]!r}") from None
        return self


class NewCampaign(Model):
    """A change for many devices.

    What they get: ``values`` set on each (``MO/path`` -> text), values taken back (``unset``), ``operations``, or a
    firmware ``package``. Without ``groups`` there is one with all. With ``paused`` it waits to be resumed once it has
    found its devices.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    target: CampaignTarget
    values: dict[str, Text] = {}
    unset: list[str] = []
    operations: Annotated[list[NewOperation], Field(max_length=20)] = []
    package: str = ""
    groups: Annotated[list[CampaignGroup], Field(max_length=100)] = []
    after_success: Literal["next", "pause"] = "next"
    on_error: Literal["pause", "stop", "undo"] = "pause"
    rate_per_minute: Annotated[float, Field(gt=0, le=600_000)] = 60.0
    window: CampaignWindow | None = None
    device_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 604_800
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    paused: bool = False


class NewPublication(Model):
    """How the devices that profiles change are made to call: spread over ``within_seconds``, in these ``groups``.

    With ``by_groups`` who is not of an open group keeps the content of the edition before, and the campaign can be
    undone. ``after_success``, ``on_error`` and ``device_deadline_seconds`` are for that, as they are for any campaign.
    """

    within_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 3600
    groups: Annotated[list[CampaignGroup], Field(max_length=100)] = []
    by_groups: bool = False
    after_success: Literal["next", "pause"] = "next"
    on_error: Literal["pause", "stop", "undo"] = "pause"
    device_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 604_800


class PublicationView(Model):
    """Whose content profiles change: how many devices, a sample, and the ``campaign`` that makes them call.

    ``digest`` identifies the files. ``campaign`` is empty when it was only to be shown, or nobody's content changes.
    """

    digest: str
    count: int
    sample: list[str]
    campaign: str


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.toml$")]


class ProfileFiles(Model):
    """All files of an edition of the profiles, by name."""

    profiles: Annotated[dict[FileName, str], Field(min_length=1, max_length=500, repr=False)]


class NewEdition(ProfileFiles):
    """An edition of the profiles to be served, as ``plan`` said; whoever deletes profiles has to allow it.

    The devices that it changes are made to call over ``within_seconds``, in these ``groups``; not at all without
    ``call``.
    """

    plan: str
    allow_deletions: bool = False
    call: bool = True
    within_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 3600
    groups: Annotated[list[CampaignGroup], Field(max_length=100)] = []


class StatementChange(Model):
    """One thing that a profile says otherwise, null where it does not say it; ``key`` is a node, ``unset`` and a node,
    ``match.`` and a facet, or ``layer``. ``line`` is in the new file, or the old one for what is gone; 0: not known.
    """

    key: str
    line: int
    was: str | None
    now: str | None


class ProfileChangeView(Model):
    """What becomes of one profile. One that is restated says the same in other words or in another file."""

    profile: str
    layer: str
    file: str
    change: Literal["added", "changed", "deleted", "restated"]
    statements: list[StatementChange]


class PlanView(Model):
    """What an edition of the profiles changes: which profiles, and how many devices' content, with a sample.

    ``plan`` is what applying it takes; ``digest`` identifies all files as they would be served. ``campaign`` is what
    makes devices call, once it was applied.
    """

    plan: str
    digest: str
    changes: list[ProfileChangeView]
    count: int
    sample: list[str]
    warnings: list[str]
    campaign: str = ""


class EditionView(Model):
    """An edition of the profiles that was replaced."""

    edition: str
    replaced_at: datetime
    files: int


class EditionFiles(ProfileFiles):
    """The files of an edition that is kept, or of that which is there now."""

    edition: str


class GroupView(Model):
    """A group of a campaign: its size, and its devices by state."""

    size: int
    open: bool
    pending: int
    started: int
    ok: int
    failed: int
    skipped: int
    undone: int
    success_percent: int
    error_percent: int


class CampaignView(Model):
    """A campaign: building, running, paused, undoing, finished, stopped or undone, and ``why``.

    ``errors`` are the devices that failed, by code.
    """

    id: str
    name: str
    state: str
    why: str
    total: int
    created_at: datetime
    ended_at: datetime | None
    next_start_at: datetime | None
    rate_per_minute: float
    after_success: str
    on_error: str
    values: dict[str, str]
    unset: list[str]
    package: str
    operations: int
    groups: list[GroupView]
    errors: dict[str, int]


class MemberView(Model):
    """A device of a campaign, with its place in the order and its group (from 1); ``code`` says why it failed."""

    place: int
    group: int
    device_id: str
    state: str
    code: str
    attempts: int
    started_at: datetime | None
    deadline_at: datetime | None
    previous: dict[str, str | None]


class NewWebhook(Model):
    """A receiver of events, and the kinds it wants: each one by name, or a pattern such as ``campaign.*`` or ``*``."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    events: Annotated[list[str], Field(min_length=1, max_length=50)]


class WebhookView(Model):
    """A webhook. ``secret`` is there when it was just made, and never again.

    ``disabled`` says why nothing is sent to it any more. ``cursor`` is the seq of the last event looked at for it.
    """

    id: str
    url: str
    events: list[str]
    created_at: datetime
    cursor: int
    disabled: str
    secret: ShownOnce = ""


class DeliveryView(Model):
    """A message to a webhook: waiting, delivered or failed; ``status`` and ``why`` are of the last attempt."""

    id: str
    kind: str
    state: str
    attempts: int
    status: int | None
    why: str
    created_at: datetime
    tried_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    body: str


class Replayed(Model):
    """How many messages are sent once more."""

    count: int


class CpDocument(Model):
    """The OMA CP document as this device would get it now, without any account: XML, and WBXML in hexadecimal."""

    document: str
    wbxml: str


class EventView(Model):
    """Something that happened."""

    seq: int
    at: datetime
    kind: str
    subscriber_id: str
    device_id: str
    detail: dict[str, str]


class NewSighting(Model):
    """A SIM that was seen in a phone. ``imei`` is an IMEI or IMEISV, ``apns`` are absent when nothing is known of them.

    ``former_imsi`` is the SIM that this one takes the place of, ``seen_at`` when that was, where it is not now.
    """

    imsi: str = ""
    imei: str = ""
    msisdn: str = ""
    apns: list[str] | None = None
    former_imsi: str = ""
    removed: bool = False
    seen_at: datetime | None = None


class SightingView(Model):
    """What became of a sighting. ``row`` counts from 1; ``error`` says why it ``failed``."""

    row: int
    outcome: Literal["detected", "known", "stale", "unknown", "failed"]
    subscriber_id: str
    device_id: str
    causes: list[str]
    error: str


class RuleView(Model):
    """A rule of detection: the causes and sources it is for (none: every source), whom it is for, and what follows."""

    name: str
    causes: list[str]
    sources: list[str]
    match: dict[str, list[str]]
    join: list[str]
    leave: list[str]
    plan: str | None
    attributes: dict[str, str]
    reach: bool
    within_seconds: float
    webhook: bool


class NewReplay(Model):
    """Which detections of the log to look at; ``rules`` is the TOML of a file of rules, without it those in force."""

    since: AwareDatetime
    until: AwareDatetime
    rules: Annotated[str, Field(max_length=1 << 19)] | None = None


class ReplayView(Model):
    """What would follow from a detection of the log: the rules that are for it, and what each says."""

    seq: int
    at: datetime
    subscriber_id: str
    device_id: str
    cause: str
    rules: list[str]
    join: list[str]
    leave: list[str]
    plan: str | None
    attributes: dict[str, str]
    reach: bool
    webhook: bool


class MessageView(Model):
    """One message of an exchange: who sent it, its head, what it says a line each, and the message as it travelled.

    Secrets are covered. What travelled as octets that are not text is given in hexadecimal. ``session`` is what the
    protocol calls the session that the message belongs to, empty where it has none.
    """

    direction: Literal["received", "sent"]
    line: str
    says: list[str]
    raw: str
    session: str


class ExchangeView(Model):
    """One request with its answer, and what the gateway decided in between. ``owner`` is a device or a subscriber."""

    seq: int
    at: datetime
    owner: str
    protocol: str
    proven: bool
    messages: list[MessageView]
    decisions: list[str]


class TraceArming(Model):
    """For how long a device is traced in full; 0 ends it."""

    minutes: Annotated[int, Field(ge=0, le=10_080)] = 60


class Armed(Model):
    """Until when the device is traced in full; null when it is not."""

    traced_until: datetime | None


class ReloadView(Model):
    """What is served after the files were read anew."""

    digest: str = Field(description="identifies the files: equal on every gateway that serves the same ones")
    changed: bool = Field(description="whether something else is served than before")
