"""Access points of a mobile network and of a WLAN, beside those that a phone has of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from live_gateway import serving


def points(values: dict[str, Any]) -> dict[str, str]:
    return {uri.removesuffix("/NAPID"): name for uri, name in values.items() if uri.endswith("/NAPID")}


def test_access_points_are_found_by_their_identifier_among_those_of_the_phone(tmp_path: Path) -> None:
    """The one with the wanted NAPID is set right under the phone's own name for it, one that is missing is added, and
    what else the phone has stays as it is.

    Spec: OMA-DDS-DM_ConnMO-V1_0 (NAP); OMA-TS-DM_TND-V1_2 4 (run-time names)
    """
    phone = tmp_path / "phone.json"
    simulate = ("simulate", "omadm", "--wbxml", "--no-ddf", "--state", str(phone))
    with serving(tmp_path, MOGATE_OMADM__ROOTS='{"connmo-nap": ""}') as gateway:
        gateway.json(*simulate)
        memory = json.loads(phone.read_text())
        memory["tree"] |= {
            "./NAP": ["node", None],
            "./NAP/a7": ["node", None],
            "./NAP/a7/NAPID": ["chr", "internet"],
            "./NAP/a7/Addr": ["chr", "old.example.net"],
            "./NAP/office": ["node", None],
            "./NAP/office/NAPID": ["chr", "private"],
        }
        phone.write_text(json.dumps(memory))
        gateway.stop()
        del gateway.environment["MOGATE_OMADM__ROOTS"]
        gateway.start()
        wanted = {"NAPID": "office", "Name": "Office", "Bearer/BearerType": "WLAN", "Bearer/WLAN/SecMode": "WPA2"}
        wanted |= {"Bearer/WLAN/SSIDList/1/SSID": "Example Office", "Bearer/WLAN/WPA-PreShKeyASCII": "open sesame"}
        gateway.api(
            "PATCH",
            "/subscribers/alice/values",
            {"set": {f"connmo-wlan/{path}": text for path, text in wanted.items()}},
        )
        met = gateway.json(*simulate)
        values = met["values"]
        assert points(values) == {"./NAP/a7": "internet", "./NAP/office": "private", "./NAP/office-2": "office"}
        assert (values["./NAP/a7/Addr"], values["./NAP/a7/Bearer/BearerType"]) == ("internet.example.net", "GSM-GPRS")
        assert values["./NAP/office-2/Bearer/WLAN/WPA-PreShKeyASCII"] == "open sesame"
        assert met["facts"]["commands"].count("Get ./NAP?list=StructData 200") == 1
        assert gateway.json(*simulate)["facts"]["commands"] == []
