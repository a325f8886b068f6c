"""What can be set. `configuration.yaml` says what each setting is for."""

from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from configuration.credentials import check_keys, redis_address, tracking_address
from configuration.experiments import MOST_EXPERIMENTS, Experiment, check_experiments
from configuration.market import Market
from configuration.places import absolute, home
from configuration.values import (
    ApiKey,
    BaseUrl,
    Fraction,
    Horizon,
    Seconds,
    SecondsOrNone,
    Section,
    Ticker,
    as_address,
    check_currency,
    unique,
)

PREFIX = "STOCKS_"


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
    trusted_proxies: tuple[Annotated[str, AfterValidator(as_address)], ...]


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
    recipes_tried: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(unique)]
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

    tickers: Annotated[tuple[Ticker, ...], Field(min_length=1), AfterValidator(unique)]
    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1), AfterValidator(unique)]
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
