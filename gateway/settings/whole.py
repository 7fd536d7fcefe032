"""All settings together."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.settings.base import ServiceName
from gateway.settings.clients import Rcc14
from gateway.settings.detection import Detection, Eir
from gateway.settings.devices import OmaCp, OmaDm
from gateway.settings.house import Admin, Catalogue, Events, Logging, Operator, Store, Trace
from gateway.settings.listeners import Listener, Load
from gateway.settings.messages import Sms
from gateway.settings.owners import Owners
from gateway.settings.proofs import Aaa, Confirmation, EapAka, Gba, Openid, Otp, Page
from gateway.settings.reach import Reach
from gateway.settings.shadow import Shadow
from gateway.settings.telemetry import OpenTelemetry


class Settings(BaseSettings):
    """Everything an operator can set.

    Paths are relative to the settings file, except ``data``, which is relative to where the gateway is started, and
    certificates and keys, which are relative to ``data``. ``seal_key`` seals the secrets in the store: every gateway on
    one store has the same.
    """

    model_config = SettingsConfigDict(env_prefix="MOGATE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    data: Path = Path("data")
    seal_key: Path = Path("seal.key")
    profiles: Path = Path("profiles")
    mapping: Path = Path("mapping")
    mo: Path = Path("mo")
    operator: Operator = Operator()
    catalogue: Catalogue = Catalogue()
    store: Store = Store()
    listeners: tuple[Listener, ...] = ()
    omadm: OmaDm = OmaDm()
    omacp: OmaCp = OmaCp()
    rcc14: Rcc14 = Rcc14()
    shadow: Shadow = Shadow()
    sms: Sms = Sms()
    otp: Otp = Otp()
    page: Page = Page()
    load: Load = Load()
    eap_aka: EapAka = EapAka()
    aaa: tuple[Aaa, ...] = ()
    openid: Openid = Openid()
    gba: Gba = Gba()
    confirmation: Confirmation = Confirmation()
    reach: Reach = Reach()
    owners: Owners = Owners()
    events: Events = Events()
    detection: Detection = Detection()
    eir: Eir = Eir()
    admin: Admin = Admin()
    logging: Logging = Logging()
    trace: Trace = Trace()
    opentelemetry: OpenTelemetry = OpenTelemetry()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is handed in is all there is: the environment was laid over the file before."""
        return (init_settings,)

    def listener_for(self, service: ServiceName) -> Listener | None:
        """The first listener that serves it, or None."""
        return next((listener for listener in self.listeners if service in listener.serves), None)

    def package_url(self) -> str:
        """Where devices fetch packages: the path for it beside the address that accounts give devices."""
        if self.omadm.package_url:
            return self.omadm.package_url
        listener = self.listener_for("omadm")
        return (listener.url if listener else "") + self.omadm.package_path

    def omadm_address(self) -> str:
        """The URL that a new account gives devices; empty when no listener serves OMA DM and none is set."""
        listener = self.listener_for("omadm")
        if self.omadm.server_address or listener is None:
            return self.omadm.server_address
        return listener.url + self.omadm.paths[0]
