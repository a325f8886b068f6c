"""What can be set, and which values are possible. `configuration.yaml` says what each setting is for."""

import re
from abc import abstractmethod
from ipaddress import ip_address, ip_network
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from configuration.credentials import check_keys, credential, long_credential, redis_address, tracking_address
from configuration.experiments import MOST_EXPERIMENTS, Experiment, check_experiments
from configuration.horizons import check_horizon
from configuration.places import absolute, home

PREFIX = "STOCKS_"
LONGEST_SECONDS = 10 * 365 * 86400  # of any setting
TICKER_PATTERN = r"^[A-Z][A-Z0-9]{0,5}([.-][A-Z0-9]{1,3})?$"
WINDOW_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 30 * 86400}


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("each value may be given once")
    return values


def is_ticker(text: str) -> bool:
    """Whether `text` has the form of a ticker."""
    return re.fullmatch(TICKER_PATTERN, text) is not None


def quota_window(window: str) -> tuple[int, int]:
    """Requests and seconds of a window such as `25/day`."""
    limit, _, unit = window.partition("/")
    return int(limit), WINDOW_SECONDS[unit]


def _nested(windows: tuple[str, ...]) -> tuple[str, ...]:
    """A longer window admits more in all, but no more for each second, than a shorter one; else one of them is idle."""
    ordered = sorted(map(quota_window, windows), key=lambda window: window[1])
    for (few, short), (many, long) in pairwise(ordered):
        if long == short or many <= few or many * short > few * long:
            raise ValueError("of two windows the longer must admit more in all and no more for each second")
    return windows


def _none_if_empty(value: Any) -> Any:
    """An empty path would be the working directory."""
    return None if isinstance(value, str) and not value.strip() else value


def _as_address(text: str) -> str:
    """An IP address or a network of them.

    Raises:
        ValueError: it is neither.
    """
    try:
        return str(ip_network(text.strip()) if "/" in text else ip_address(text.strip()))
    except ValueError:
        raise ValueError("must be an IP address, or a network such as 10.0.0.0/8, without bits behind it") from None


def check_currency(code: str) -> str:
    """`code`, when it has the form of ISO 4217.

    Raises:
        ValueError: it has not.
    """
    if not re.fullmatch("[A-Z]{3}", code):
        raise ValueError("must be three capital letters, such as USD or EUR")
    return code


def _in_upper_case(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


ApiKey = Annotated[SecretStr, AfterValidator(long_credential)]
Credential = Annotated[SecretStr | None, AfterValidator(credential)]
# Without which a provider is skipped.
NEEDED = {
    "alpha_vantage": "ALPHA_VANTAGE_API_KEY in the environment",
    "tiingo": "TIINGO_API_KEY in the environment",
    "yahoo": "market.yahoo.enabled: true",
}
# Beyond it clocks and calendars cannot count.
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
SecondsOrNone = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Ticker = Annotated[str, BeforeValidator(_in_upper_case), Field(pattern=TICKER_PATTERN)]
Horizon = Annotated[int, AfterValidator(check_horizon)]
Quota = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[1-9]\d*/(second|minute|hour|day|month)$")], ...], AfterValidator(_nested)
]
GivenPath = Annotated[Annotated[Path, AfterValidator(absolute)] | None, BeforeValidator(_none_if_empty)]
BaseUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
StreamUrl = Annotated[str, Field(pattern=r"^wss?://[^\s/]+(/\S*)?$")]
# A name and an address at which the operator of the requests is reached, as the SEC asks for.
Contact = Annotated[str, Field(pattern=r"^[\x20-\x7e]*[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+[\x20-\x7e]*$", max_length=200)]
ProviderName = Literal["alpha_vantage", "tiingo", "yahoo", "files", "simulated"]
StreamName = Literal["tiingo", "alpaca"]


class Section(BaseModel):
    """A group of settings: frozen, no unknown keys, every key given, every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
    providers: Annotated[tuple[ProviderName, ...], Field(min_length=1), AfterValidator(_unique)]
    streams: Annotated[tuple[StreamName, ...], AfterValidator(_unique)]
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


class Cache(Section):
    redis_url: Annotated[SecretStr | None, AfterValidator(redis_address)]
    memory_ttl: SecondsOrNone
    redis_ttl: SecondsOrNone
    prediction_ttl: SecondsOrNone
    stale_ttl: SecondsOrNone


class Serving(Section):
    workers: PositiveInt
    max_concurrency: PositiveInt
    deadline: Seconds
    receive_timeout: Seconds
    max_header_bytes: PositiveInt
    max_body_bytes: PositiveInt
    max_tickers: PositiveInt
    runner: Literal["process", "embedded"]
    adaptive_batching: bool
    forest_timeout: Seconds
    forest_memory_mb: PositiveFloat
    memory_alert_mb: PositiveFloat
    max_streams: PositiveInt
    raw_prices: bool
    track_record_months: PositiveInt
    log_level: Literal["debug", "info", "warning", "error"]
    experiments: Annotated[tuple[Experiment, ...], Field(max_length=MOST_EXPERIMENTS)]


class Security(Section):
    api_keys: tuple[ApiKey, ...]
    api_keys_file: Annotated[Path, AfterValidator(absolute), AfterValidator(check_keys)] | None
    trusted_proxies: tuple[Annotated[str, AfterValidator(_as_address)], ...]


class Performance(Section):
    p95_seconds: PositiveFloat
    error_rate: Fraction
    hit_rate: Fraction


class Page(Section):
    mlflow_url: BaseUrl | None


class Tracing(Section):
    enabled: bool
    endpoint: str
    sample_rate: Fraction


class Training(Section):
    on_start: bool
    retrain_on_drift: bool
    tracking_uri: Annotated[str | None, AfterValidator(tracking_address)]
    refit_every: PositiveInt
    tested: PositiveInt
    evaluation_refit_every: PositiveInt
    runs_kept_days: NonNegativeInt
    promotion_margin: float
    processes: NonNegativeInt
    seed: NonNegativeInt
    recipes_tried: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_unique)]
    recipes: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _hyperparameters_are_finite(self) -> "Training":
        for recipe, hyperparameters in self.recipes.items():
            for name, value in hyperparameters.items():
                if isinstance(value, float) and not isfinite(value):
                    raise ValueError(f"training.recipes.{recipe}.{name} = {value}: must be a finite number")
        return self

    @model_validator(mode="after")
    def _recipes_are_known(self) -> "Training":
        unknown = [name for name in self.recipes_tried if name not in self.recipes]
        if unknown:
            raise ValueError(f"training.recipes_tried: {unknown[0]} is not among {', '.join(self.recipes)}")
        return self

    @property
    def has_server(self) -> bool:
        """Whether runs are kept by an MLflow server, which other machines reach too."""
        return urlsplit(self.tracking_uri or "").scheme in {"http", "https"}


class Settings(BaseSettings):
    """All settings of one process; immutable."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    tickers: Annotated[tuple[Ticker, ...], Field(min_length=1), AfterValidator(_unique)]
    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1), AfterValidator(_unique)]
    exchange: str
    currency: Annotated[str, AfterValidator(check_currency)]
    market: Market
    cache: Cache
    serving: Serving
    security: Security
    performance: Performance
    page: Page
    tracing: Tracing
    training: Training

    @model_validator(mode="after")
    def _experiments_fit(self) -> "Settings":
        check_experiments(self.serving.experiments, self.tickers, self.horizons)
        return self

    @property
    def home(self) -> Path:
        """Directory that holds everything the program writes."""
        return home()

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and versions."""
        return self.training.tracking_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # given by keyword
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_more: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over the files; the files arrive as keyword arguments."""
        return env_settings, init_settings
