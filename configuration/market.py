"""The settings of prices: providers, streams, files and dates of reports."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, model_validator

from configuration.values import (
    BaseUrl,
    Contact,
    Credential,
    GivenPath,
    Quota,
    Seconds,
    Section,
    StreamUrl,
    unique,
)

ProviderName = Literal["alpha_vantage", "tiingo", "yahoo", "files", "simulated"]
StreamName = Literal["tiingo", "alpaca"]
# Without which a provider is skipped.
NEEDED = {
    "alpha_vantage": "ALPHA_VANTAGE_API_KEY in the environment",
    "tiingo": "TIINGO_API_KEY in the environment",
    "yahoo": "market.yahoo.enabled: true",
}


class ProviderSection(Section):
    """The settings of one provider of prices."""

    @property
    @abstractmethod
    def is_configured(self) -> bool:
        """Whether the provider can answer, so that it is made at all."""


class Files(ProviderSection):
    directory: GivenPath
    reports: GivenPath
    news: GivenPath

    @model_validator(mode="after")
    def _files_are_there(self) -> "Files":
        for name, path in (("reports", self.reports), ("news", self.news)):
            if path is not None and not path.is_file():
                raise ValueError(f"market.files.{name} = {path}: there is no such file")
        return self

    @property
    def is_configured(self) -> bool:
        """Whether a directory is named."""
        return self.directory is not None


class Reports(Section):
    announced_before: NonNegativeInt


class Edgar(Section):
    base_url: BaseUrl
    tickers_url: BaseUrl
    contact: Contact | None
    quota: Quota


class KeyedProvider(ProviderSection):
    base_url: BaseUrl
    api_key: Credential
    quota: Quota

    @property
    def is_configured(self) -> bool:
        """Whether there is a key."""
        return bool(self.api_key)


class Tiingo(KeyedProvider):
    stream_url: StreamUrl


class AlphaVantage(KeyedProvider):
    premium: bool


class Alpaca(Section):
    stream_url: StreamUrl
    key_id: Credential
    secret_key: Credential
    channels: PositiveInt

    @property
    def is_configured(self) -> bool:
        """Whether there are both keys."""
        return bool(self.key_id and self.secret_key)


class Yahoo(ProviderSection):
    base_url: BaseUrl
    enabled: bool
    quota: Quota

    @property
    def is_configured(self) -> bool:
        """Whether it is switched on."""
        return self.enabled


class Market(Section):
    providers: Annotated[tuple[ProviderName, ...], Field(min_length=1), AfterValidator(unique)]
    streams: Annotated[tuple[StreamName, ...], AfterValidator(unique)]
    timeout: Seconds
    history_ttl: Seconds
    quote_ttl: Seconds
    files: Files
    alpha_vantage: AlphaVantage
    tiingo: Tiingo
    alpaca: Alpaca
    yahoo: Yahoo
    reports: Reports
    edgar: Edgar

    @model_validator(mode="after")
    def _files_need_a_directory(self) -> "Market":
        if "files" in self.providers and self.files.directory is None:
            raise ValueError("market.files.directory must name a directory when `files` is among market.providers")
        if "files" in self.providers and self.files.directory and not self.files.directory.is_dir():
            raise ValueError(f"market.files.directory = {self.files.directory}: there is no such directory")
        return self

    @model_validator(mode="after")
    def _one_provider_can_answer(self) -> "Market":
        able = [name for name in self.providers if name == "simulated" or getattr(self, name).is_configured]
        if not able:
            needed = ", ".join(f"{name} needs {NEEDED[name]}" for name in self.providers)
            raise ValueError(f"none of market.providers can answer: {needed}; set that, or add `simulated` to them")
        return self

    @model_validator(mode="after")
    def _streams_need_keys(self) -> "Market":
        needed = {"tiingo": "TIINGO_API_KEY", "alpaca": "APCA_API_KEY_ID and APCA_API_SECRET_KEY"}
        for name in self.streams:
            if not getattr(self, name).is_configured:
                raise ValueError(f"market.streams names {name}, which needs {needed[name]} in the environment")
        return self
