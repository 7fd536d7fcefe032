"""OMA DM messages as octets: two packages in both encodings, the liberties devices take, and the limits."""

from __future__ import annotations

import base64
from pathlib import Path

import libwbxml
import pytest
from lxml import etree
from msgspec.structs import replace

from adapters.omadm.codec import Encoding, UnsupportedMediaType, decode, encode, encoding_of, open_message
from adapters.omadm.messages import (
    Alert,
    AnyCommand,
    Chal,
    Command,
    Cred,
    Group,
    Item,
    Meta,
    Results,
    Status,
    SyncHdr,
    SyncML,
    Unknown,
)
from adapters.wbxml.codec import encode as encode_wbxml
from gateway.errors import DecodeError, LimitExceeded
from gateway.status import StatusCode

VECTORS = Path(__file__).parents[3] / "vectors" / "omadm"
DTD = etree.DTD(str(VECTORS / "syncml-dm.dtd"))
XML = encoding_of("application/vnd.syncml.dm+xml")
WBXML = encoding_of("application/vnd.syncml.dm+wbxml")

SERVER, DEVICE = "https://dm.operator.example/omadm", "IMEI:004400112233447"
HEADER = SyncHdr(session_id="1", msg_id=1, target="t", source="s")
CHR = Meta(format="chr", type="text/plain")

PACKAGE_1 = SyncML(
    SyncHdr(
        session_id="7F",
        msg_id=1,
        target=SERVER,
        source=DEVICE,
        source_name=DEVICE,
        cred=Cred(type="syncml:auth-md5", data="/puPB/19Hgw9rf3iV8DeBw=="),
        meta=Meta(max_msg_size=10240, max_obj_size=262144),
    ),
    (
        Alert("1", 1201),
        Alert(
            "2",
            1226,
            (
                Item(
                    source="./FUMO/P1",
                    meta=Meta(format="chr", type="org.openmobilealliance.dm.firmwareupdate.update"),
                    data="200",
                ),
            ),
        ),
        Command(
            "Replace",
            "3",
            (
                Item(source="./DevInfo/DevId", data=DEVICE),
                Item(source="./DevInfo/Man", meta=CHR, data="R&B Téléphones"),
            ),
        ),
    ),
)
PACKAGE_3 = SyncML(
    SyncHdr(session_id="7F", msg_id=2, target=SERVER, source=DEVICE),
    (
        Status(
            "1",
            "1",
            "0",
            "SyncHdr",
            StatusCode.AUTHENTICATED,
            target_refs=(DEVICE,),
            source_refs=(SERVER,),
            chal=Chal(type="syncml:auth-md5", next_nonce="oKGio6SlpqeoqaqrrK2urw=="),
        ),
        Status("2", "1", "4", "Get", StatusCode.OK, target_refs=("./DevDetail/FwV", "./DevDetail/SwV")),
        Results(
            "3",
            "1",
            "4",
            (
                Item(source="./DevDetail/FwV", data="1.0.7"),
                Item(source="./DevDetail/SwV", meta=Meta(format="chr"), data=""),
            ),
        ),
    ),
)
PACKAGES = [("package1.xml", PACKAGE_1), ("package3.xml", PACKAGE_3)]


def body(commands: str) -> tuple[AnyCommand, ...]:
    """The commands of a message with this SyncBody content."""
    return message(f"<SyncBody>{commands}</SyncBody>").commands


def message(body: str = "<SyncBody/>", header: str = "", session: str = "1", msg_id: str = "1") -> SyncML:
    document = (
        f"<SyncML><SyncHdr><SessionID>{session}</SessionID><MsgID>{msg_id}</MsgID><Target><LocURI>t</LocURI></Target>"
        f"<Source><LocURI>s</LocURI></Source>{header}</SyncHdr>{body}</SyncML>"
    )
    return decode(document.encode(), XML)[0]


@pytest.mark.parametrize(("name", "expected"), PACKAGES)
def test_packages_as_devices_send_them(name: str, expected: SyncML) -> None:
    """The same message is read from XML and from WBXML that another implementation made of it."""
    document = (VECTORS / name).read_bytes()
    assert decode(document, XML) == (expected, XML)
    for string_table in (False, True):
        assert decode(libwbxml.to_wbxml(document, string_table=string_table), WBXML)[0] == expected


@pytest.mark.parametrize(("name", "expected"), PACKAGES)
def test_packages_as_others_read_ours(name: str, expected: SyncML) -> None:
    """What is written means the same to other implementations, and is valid (OMA-TS-SyncML_RepPro-V1_2, the DTD)."""
    parser = etree.XMLParser(remove_blank_text=True)
    document = etree.tostring(etree.parse(str(VECTORS / name), parser), method="c14n")
    written = etree.fromstring(encode(expected, XML))
    assert etree.tostring(written, method="c14n") == document
    assert DTD.validate(written), DTD.error_log
    assert libwbxml.element_of(libwbxml.to_xml(encode(expected, WBXML))) == libwbxml.element_of(document)


@pytest.mark.parametrize(
    ("content_type", "media_type", "is_wbxml"),
    [
        ("application/vnd.syncml.dm+xml", "application/vnd.syncml.dm+xml", False),
        ("application/vnd.syncml.dm+wbxml", "application/vnd.syncml.dm+wbxml", True),
        ("application/vnd.syncml+xml; charset=UTF-8", "application/vnd.syncml+xml", False),
        ("Application/VND.SyncML+WBXML ;charset=utf-8;v=1", "application/vnd.syncml+wbxml", True),
    ],
)
def test_content_types(content_type: str, media_type: str, is_wbxml: bool) -> None:
    """The answer's type is the request's, without parameters (OMA-TS-DM_RepPro-V1_2 9; devices use DS types too)."""
    encoding = encoding_of(content_type)
    assert (encoding.media_type, encoding.wbxml) == (media_type, is_wbxml)


@pytest.mark.parametrize("content_type", ["", "text/xml", "application/vnd.syncml.dm", "application/vnd.syncml.ds+xml"])
def test_other_content_types_are_refused(content_type: str) -> None:
    """Bodies are never guessed at: the type must be SyncML's."""
    with pytest.raises(UnsupportedMediaType):
        encoding_of(content_type)


def test_the_version_in_the_message_counts() -> None:
    """A header that says 1.1 before a message of 1.2, as some devices write it, is one of 1.2, and is mirrored."""
    received, encoding = decode(b"\x02\x9f\x53\x6a\x00" + encode(PACKAGE_1, WBXML)[5:], WBXML)
    assert received == PACKAGE_1
    assert received.header.ver_dtd == "1.2"
    assert encode(PACKAGE_3, encoding).startswith(b"\x02\x9f\x53\x6a\x00")


def test_the_answer_mirrors_the_wbxml_header() -> None:
    """A device that writes its public identifier out is answered the same way."""
    public_id = b"-//SYNCML//DTD SyncML 1.2//EN"
    by_text = b"\x02\x00\x00\x6a\x1d" + public_id + encode(PACKAGE_1, WBXML)[5:]
    received, encoding = decode(by_text, WBXML)
    assert received == PACKAGE_1
    assert encode(PACKAGE_3, encoding).startswith(b"\x02\x00\x00\x6a\x1e" + public_id + b"\0")


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (
            "<Status><Data> 200\n</Data><Cmd>Get</Cmd><CmdRef>4</CmdRef><MsgRef>2</MsgRef><CmdID>1</CmdID></Status>",
            Status("1", "2", "4", "Get", StatusCode.OK),
        ),
        (
            "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status>",
            Status("1", "1", "0", "SyncHdr", StatusCode.AUTHENTICATED),
        ),
        (
            "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Exec</Cmd><Data>1452</Data>"
            "<Item><Data>&lt;why/></Data></Item></Status>",
            Status("1", "1", "2", "Exec", StatusCode(1452), items=(Item(data="<why/>"),)),
        ),
        ("<Alert><CmdID>1</CmdID><Data>\n 1201 </Data><Item/></Alert>", Alert("1", 1201, (Item(),))),
        ("<Alert><CmdID>1</CmdID><Data>soon</Data></Alert>", Alert("1", None)),
        ("<Alert><NoResp/><CmdID>1</CmdID><Correlator>c</Correlator></Alert>", Alert("1", None, (), "c", True)),
        (
            "<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd>"
            "<Meta><Format>int</Format></Meta><TargetRef>./a</TargetRef><Item><Data>1</Data></Item></Results>",
            Results("3", "1", "4", (Item(data="1"),), Meta(format="int"), "./a"),
        ),
        (
            "<Replace><CmdID>2</CmdID><Item><Data>b</Data><Meta><Type>\n text/plain </Type></Meta><Source>"
            "<LocURI>DevInfo/Man</LocURI></Source></Item></Replace>",
            Command("Replace", "2", (Item(source="DevInfo/Man", meta=Meta(type="text/plain"), data="b"),)),
        ),
        (
            "<Add><CmdID>2</CmdID><Item><Target><LocURI>./a</LocURI></Target><Meta><MetInf><Format>chr</Format>"
            "<Size/><EMI>x</EMI><EMI>y</EMI></MetInf></Meta><Data> kept\n</Data><MoreData/></Item></Add>",
            Command(
                "Add",
                "2",
                (
                    Item(
                        target="./a",
                        meta=Meta(format="chr", extra=(("EMI", "x"), ("EMI", "y"))),
                        data=" kept\n",
                        more_data=True,
                    ),
                ),
            ),
        ),
        (
            "<Sequence><CmdID>1</CmdID><Atomic><CmdID>2</CmdID><NoResp/><Meta><Type>t</Type></Meta><Get><CmdID>3"
            "</CmdID><Item><Target><LocURI>./a</LocURI></Target></Item></Get></Atomic><Fly/></Sequence>",
            Group(
                "Sequence",
                "1",
                (
                    Group("Atomic", "2", (Command("Get", "3", (Item(target="./a"),)),), Meta(type="t"), True),
                    Unknown("Fly", "", ("Fly", "")),
                ),
            ),
        ),
        (
            "<Put><CmdID>9</CmdID><Item/></Put>",
            Unknown("Put", "9", ("Put", [("CmdID", "9"), ("Item", "")])),
        ),
        ("<Exec><CmdID>1</CmdID></Exec>", Command("Exec", "1", ())),
        ("<Alert><CmdID>1</CmdID><Data> 222\n</Data></Alert>", Alert("1", 1222)),
        ("<Get/>", Command("Get", "", ())),
    ],
)
def test_liberties_of_devices(commands: str, expected: AnyCommand) -> None:
    """Any order, blanks round values, missing and unknown parts: read for what they mean (field experience)."""
    assert body(commands) == (expected,)


def test_header_liberties() -> None:
    """Versions default, base64 may be broken into lines, LocURIs are trimmed, and a Final may be missing."""
    received = message(
        header="<Cred><Meta><Type>\tsyncml:auth-md5 </Type></Meta><Data>/puPB/19Hgw9\n rf3iV8DeBw==\n</Data></Cred>"
        "<RespURI> https://other.example/ </RespURI><NoResp/><Meta><MaxMsgSize> 4096 </MaxMsgSize></Meta>"
    )
    assert received.header == SyncHdr(
        "1",
        1,
        "t",
        "s",
        resp_uri="https://other.example/",
        no_resp=True,
        cred=Cred("syncml:auth-md5", "/puPB/19Hgw9rf3iV8DeBw=="),
        meta=Meta(max_msg_size=4096),
    )
    assert (received.header.ver_dtd, received.header.ver_proto, received.final) == ("1.2", "DM/1.2", False)
    assert message("<SyncBody><Final/></SyncBody>").final


@pytest.mark.parametrize("missing", ["SyncHdr", "SyncBody", "SessionID", "MsgID", "Target", "Source"])
def test_what_no_message_can_lack(missing: str) -> None:
    """Without header, body, session, number or the two parties it is not a message; the error names what is missing."""
    document = etree.fromstring((VECTORS / "package1.xml").read_bytes())
    element = next(document.iter("{*}" + missing))
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)
    with pytest.raises(DecodeError, match=f"{missing} is missing"):
        decode(etree.tostring(document), XML)


@pytest.mark.parametrize(
    "commands",
    [
        "<Status><CmdID>1</CmdID><Cmd>Get</Cmd></Status>",
        "<Status><CmdID>1</CmdID><Cmd>Get</Cmd><Data>fine</Data></Status>",
        "<Status><CmdID>1</CmdID><Cmd>Get</Cmd><Data>٢٠٠</Data></Status>",
        "<Get>text</Get>",
        "<Get><CmdID><b/></CmdID></Get>",
        "<Get><CmdID>1</CmdID><Meta><Size>-1</Size></Meta></Get>",
        "<Get><CmdID>1</CmdID><Item><Target>./a</Target></Item></Get>",
    ],
)
def test_commands_that_make_no_sense(commands: str) -> None:
    """Text for elements, elements for text, and words for numbers are faults of the whole message."""
    with pytest.raises(DecodeError):
        body(commands)


def test_another_root_is_not_a_message() -> None:
    """Well-formed XML of another kind is refused."""
    with pytest.raises(DecodeError, match="html"):
        decode(b"<html/>", XML)


def gets(count: int) -> str:
    return "<Get/>" * count


SIZES = {
    "500 commands": (gets(500), True),
    "501 commands": (gets(501), False),
    "500 commands in groups": (f"<Atomic>{gets(249)}</Atomic>" * 2, True),
    "502 commands in groups": (f"<Atomic>{gets(250)}</Atomic>" * 2, False),
    "1000 items": (f"<Get>{'<Item/>' * 1000}</Get>", True),
    "1001 items": (f"<Get>{'<Item/>' * 1001}</Get>", False),
    "4 groups in each other": ("<Atomic>" * 4 + "</Atomic>" * 4, True),
    "5 groups in each other": ("<Atomic>" * 5 + "</Atomic>" * 5, False),
    "a LocURI of 2048": (f"<Get><Item><Target><LocURI>{'a' * 2048}</LocURI></Target></Item></Get>", True),
    "a LocURI of 2049": (f"<Get><Item><Target><LocURI>{'a' * 2049}</LocURI></Target></Item></Get>", False),
    "a TargetRef of 2049": (f"<Status><TargetRef>{'a' * 2049}</TargetRef><Data>200</Data></Status>", False),
    "a Size of 10 digits": ("<Get><Meta><Size>4294967296</Size></Meta></Get>", True),
    "a Size of 11 digits": ("<Get><Meta><Size>42949672960</Size></Meta></Get>", False),
}


@pytest.mark.parametrize(("commands", "is_accepted"), SIZES.values(), ids=SIZES)
def test_limits(commands: str, is_accepted: bool) -> None:
    """Counts, nesting, URIs and numbers end where they are stated to end."""
    if is_accepted:
        body(commands)
    else:
        with pytest.raises(LimitExceeded):
            body(commands)


@pytest.mark.parametrize(
    ("session", "msg_id", "is_accepted"),
    [
        ("1A2B", "1", True),
        ("x" * 16, " 2147483648 ", True),
        ("x" * 17, "1", False),
        ("1", "2147483649", False),
        ("1", "0", False),
        ("1", "one", False),
        ("1", "9" * 5000, False),
    ],
    ids=lambda value: str(value)[:12],
)
def test_header_limits(session: str, msg_id: str, is_accepted: bool) -> None:
    """A MsgID is a number from 1 to 2^31, a SessionID short."""
    if is_accepted:
        assert message(session=session, msg_id=msg_id).header.msg_id == int(msg_id)
    else:
        with pytest.raises(DecodeError):
            message(session=session, msg_id=msg_id)


OCTETS = b"\x00\xffraw"
TEXT_OCTETS = b"looks like text"


@pytest.mark.parametrize("octets", [OCTETS, TEXT_OCTETS, b""])
@pytest.mark.parametrize("meta_of_item", [True, False])
def test_octets_in_wbxml(octets: bytes, meta_of_item: bool) -> None:
    """Under Format bin, its own or the command's, Data is octets, even if they look like text (OMA-TS-DM_RepPro 6)."""
    meta = Meta(format="bin")
    item = Item(target="./a", meta=meta if meta_of_item else None, data=octets)
    sent = SyncML(HEADER, (Command("Add", "1", (item,), meta=None if meta_of_item else meta),))
    assert decode(encode(sent, WBXML), WBXML)[0] == sent


@pytest.mark.parametrize("meta", [None, Meta(format="bin", type="image/png")])
def test_octets_in_xml(meta: Meta | None) -> None:
    """XML carries octets as base64 under Format b64, and reads back that text (OMA-TS-DM_RepPro-V1_2 6)."""
    sent = SyncML(HEADER, (Command("Add", "1", (Item(target="./a", meta=meta, data=OCTETS),)),))
    (command,) = decode(encode(sent, XML), XML)[0].commands
    assert isinstance(command, Command)
    (item,) = command.items
    assert item.data == base64.b64encode(OCTETS).decode()
    assert item.meta == Meta(format="b64", type=meta.type if meta else "")


def test_bare_octets_in_credentials() -> None:
    """WBXML devices may put the digest and the nonce in as octets; they are read as the base64 text they stand for."""
    digest, nonce = base64.b64decode("/puPB/19Hgw9rf3iV8DeBw=="), bytes(range(0xA0, 0xB0))
    cred = ("Cred", [("Meta", [("Type", "syncml:auth-md5")]), ("Data", digest)])
    chal = ("Chal", [("Meta", [("Type", "syncml:auth-md5"), ("NextNonce", nonce)])])
    place = [("LocURI", "x")]
    header = [("SessionID", "1"), ("MsgID", "1"), ("Target", place), ("Source", place), cred]
    status = ("Status", [("CmdID", "1"), ("MsgRef", "1"), ("Cmd", "SyncHdr"), chal, ("Data", "401")])
    received, _ = decode(encode_wbxml(("SyncML", [("SyncHdr", header), ("SyncBody", [status])])), WBXML)
    assert received.header.cred == Cred("syncml:auth-md5", "/puPB/19Hgw9rf3iV8DeBw==")
    (answer,) = received.commands
    assert isinstance(answer, Status)
    assert answer.chal == Chal("syncml:auth-md5", "oKGio6SlpqeoqaqrrK2urw==")


def test_inline_trees() -> None:
    """Markup inside Data is kept as elements, both ways (OMA-TS-DM_TNDS-V1_2)."""
    tree = ("MgmtTree", [("VerDTD", "1.2"), ("Node", [("NodeName", "A"), ("Value", "v")])])
    sent = SyncML(HEADER, (Command("Add", "1", (Item(target="./A", meta=Meta(format="xml"), data=(tree,)),)),))
    for encoding in (XML, WBXML):
        assert decode(encode(sent, encoding), encoding)[0] == sent


def test_text_that_xml_cannot_carry_is_not_sent() -> None:
    """A control character in a value is an error here, never a document the device cannot parse."""
    with pytest.raises(ValueError, match=r"U\+0007"):
        encode(SyncML(HEADER, (Command("Add", "1", (Item(target="./a", data="\x07"),)),)), XML)


def test_an_unknown_command_is_kept() -> None:
    """What nobody knows survives as it came."""
    commands = body("<Bend><Sharply><To>the left</To></Sharply></Bend>")
    assert commands == (Unknown("Bend", "", ("Bend", [("Sharply", [("To", "the left")])])),)


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
@pytest.mark.parametrize("message", [PACKAGE_1, PACKAGE_3], ids=["package 1", "package 3"])
def test_a_header_is_read_by_itself(message: SyncML, encoding: Encoding) -> None:
    """Whatever stands behind it is not looked at; a document that ends within it, or begins otherwise, is refused.

    Spec: OMA-TS-DM_Security-V1_2 5.4 (the MAC is verified before the message is parsed)
    """
    octets = encode(message, encoding)
    opened = open_message(octets, encoding)
    assert (opened.header, opened.encoding) == (message.header, decode(octets, encoding)[1])
    assert opened.read() == message
    bare = encode(SyncML(message.header, (), final=False), encoding)
    rest = octets.index(b"<SyncBody") if encoding is XML else len(bare) - 2
    broken_off = open_message(octets[:rest] + b"\xff<<<", encoding)
    assert broken_off.header == message.header
    with pytest.raises(DecodeError):
        broken_off.read()
    for broken in (octets[: rest - 4], octets[:4], b"", encode_wbxml(("Add", [("CmdID", "1"), ("Data", "x")]))):
        with pytest.raises(DecodeError):
            open_message(broken, encoding)


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
def test_what_is_unread_tells_messages_apart(encoding: Encoding) -> None:
    """Messages that differ in their headers alone are the same behind it; any other difference shows there."""
    octets = encode(PACKAGE_1, encoding)
    unread = open_message(octets, encoding).unread
    header = replace(PACKAGE_1.header, session_id="77", cred=Cred("syncml:auth-md5", "Zm9v"))
    assert open_message(encode(replace(PACKAGE_1, header=header), encoding), encoding).unread == unread
    for other in (replace(PACKAGE_1, final=False), replace(PACKAGE_1, commands=PACKAGE_1.commands[1:])):
        assert open_message(encode(other, encoding), encoding).unread != unread


def test_the_end_of_a_header_in_a_comment_is_none() -> None:
    """Only an element that ends the header does; and one that is not the first is found all the same."""
    text = encode(PACKAGE_3, XML).decode()
    assert decode(text.replace("<SyncHdr>", "<!-- </SyncHdr> --><SyncHdr>").encode(), XML)[0] == PACKAGE_3
    assert decode(text.replace("<SyncHdr>", "<SyncHdr><!-- </SyncHdr> -->").encode(), XML)[0] == PACKAGE_3
    start, stop = text.index("<SyncHdr>"), text.index("<SyncBody>")
    end = text.index("</SyncML>")
    turned = text[:start] + text[stop:end] + text[start:stop] + text[end:]
    opened = open_message(turned.encode(), XML)
    assert (opened.read(), opened.unread) == (PACKAGE_3, b"")


def test_a_header_may_be_written_with_prefixes() -> None:
    """Names are local, and a root of another name, or one that is the header itself, is no message."""
    text = encode(PACKAGE_3, XML).decode()
    prefixed = text.replace("SyncHdr", "s:SyncHdr").replace('<SyncML xmlns="', '<SyncML xmlns:s="x" xmlns="')
    assert open_message(prefixed.encode(), XML).header == PACKAGE_3.header
    for root in (b"<SyncHdr/>", b"<SyncHdr><a/></SyncHdr>", b"<Other><SyncHdr/></Other>"):
        with pytest.raises(DecodeError):
            open_message(root, XML)
