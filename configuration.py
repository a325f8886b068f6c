"""Settings: `configuration.yaml`, the file named by STOCKS_CONFIGURATION, the environment; later ones win.

Nothing here has a default of its own: `configuration.yaml` beside this file lists every setting once.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

ROOT = Path(__file__).resolve().parent
PREFIX = "STOCKS_"
TICKER_PATTERN = r"^[A-Z][A-Z0-9]{0,5}([.-][A-Z0-9]{1,3})?$"

# Variables with the prefix that are not settings.
RESERVED = frozenset({"STOCKS_HOME", "STOCKS_CONFIGURATION", "STOCKS_TEST_BARS"})
WELL_KNOWN = {
    "ALPHA_VANTAGE_API_KEY": ("market", "alpha_vantage", "api_key"),
    "TIINGO_API_KEY": ("market", "tiingo", "api_key"),
    "REDIS_URL": ("cache", "redis_url"),
    "MLFLOW_TRACKING_URI": ("training", "tracking_uri"),
}


WINDOW_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 30 * 86400}


class ConfigurationError(Exception):
    """A setting is unknown, of the wrong type or impossible; one line that says which and what is allowed."""


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("each value may stand there once")
    return values


def _absolute(path: Path) -> Path:
    return (_launch_folder() / path.expanduser()).resolve()


def _launch_folder() -> Path:
    """Where the command was given; BentoML changes into a bento before it imports it, the shell's PWD stays."""
    here = Path.cwd()
    return Path(os.environ.get("PWD", here)) if here == ROOT and bento_folder() else here


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


Fraction = Annotated[float, Field(ge=0, le=1)]
Ticker = Annotated[str, Field(pattern=TICKER_PATTERN)]
Horizon = Literal[1, 5, 21]
Quota = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[1-9]\d*/(second|minute|hour|day|month)$")], ...], AfterValidator(_nested)
]
BaseUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
ProviderName = Literal["alpha_vantage", "tiingo", "yahoo", "files", "simulated"]


class Section(BaseModel):
    """A group of settings: frozen, no unknown keys, every key given."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Files(Section):
    directory: Annotated[Path, AfterValidator(_absolute)] | None


class Tiingo(Section):
    base_url: BaseUrl
    api_key: SecretStr | None
    quota: Quota


class AlphaVantage(Tiingo):
    premium: bool


class Yahoo(Section):
    base_url: BaseUrl
    enabled: bool
    quota: Quota


class Market(Section):
    providers: Annotated[tuple[ProviderName, ...], Field(min_length=1), AfterValidator(_unique)]
    timeout: PositiveFloat
    history_ttl: PositiveFloat
    quote_ttl: PositiveFloat
    files: Files
    alpha_vantage: AlphaVantage
    tiingo: Tiingo
    yahoo: Yahoo

    @model_validator(mode="after")
    def _files_need_a_directory(self) -> "Market":
        if "files" in self.providers and self.files.directory is None:
            raise ValueError("market.files.directory must name a directory when `files` is among market.providers")
        if "files" in self.providers and self.files.directory and not self.files.directory.is_dir():
            raise ValueError(f"market.files.directory = {self.files.directory}: there is no such directory")
        return self


class Cache(Section):
    redis_url: SecretStr | None
    memory_ttl: NonNegativeFloat
    redis_ttl: NonNegativeFloat
    prediction_ttl: NonNegativeFloat
    stale_ttl: NonNegativeFloat


class Serving(Section):
    workers: PositiveInt
    max_concurrency: PositiveInt
    deadline: PositiveFloat
    runner: Literal["process", "embedded"]
    forest_memory_mb: PositiveFloat
    memory_alert_mb: PositiveFloat
    log_level: Literal["debug", "info", "warning", "error"]


class Security(Section):
    api_keys: tuple[SecretStr, ...]
    trusted_proxies: tuple[str, ...]


class Performance(Section):
    p95_seconds: PositiveFloat
    error_rate: Fraction
    hit_rate: Fraction


class Tracing(Section):
    enabled: bool
    endpoint: str
    sample_rate: Fraction


class Training(Section):
    on_start: bool
    tracking_uri: str | None
    refit_every: PositiveInt
    tested: PositiveInt
    evaluation_refit_every: PositiveInt
    promotion_margin: float
    processes: NonNegativeInt
    seed: NonNegativeInt


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
    currency: str
    market: Market
    cache: Cache
    serving: Serving
    security: Security
    performance: Performance
    tracing: Tracing
    training: Training

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


def home() -> Path:
    """STOCKS_HOME, absolute; `var` in the working directory unless set."""
    return _absolute(Path(os.environ.get("STOCKS_HOME") or "var"))


def anchor() -> None:
    """Make STOCKS_HOME and BENTOML_HOME absolute and known to every child process, best before bentoml is imported.

    BentoML starts its workers in another working directory, so relative paths must be resolved once, in the first
    process.
    """
    os.environ["STOCKS_HOME"] = str(home())
    os.environ.setdefault("BENTOML_HOME", str(bento_store() or home() / "bentoml"))
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    for name in ("STOCKS_CONFIGURATION", "STOCKS_MARKET__FILES__DIRECTORY"):
        if os.environ.get(name):
            os.environ[name] = str(_absolute(Path(os.environ[name])))


def bento_folder() -> Path | None:
    """The folder of the bento that this source is part of, if it is part of one."""
    return ROOT.parent if (ROOT.parent / "bento.yaml").exists() else None


def bento_store() -> Path | None:
    """The BentoML store that holds that bento, if one does: `HOME/bentos/NAME/VERSION`."""
    folder = bento_folder()
    return folder.parents[2] if folder is not None and folder.parents[1].name == "bentos" else None


def load() -> Settings:
    """Read and check all settings.

    Raises:
        ConfigurationError: in one line, with the key, its value and what is allowed.
    """
    _check_variables(os.environ)
    given = _read(ROOT / "configuration.yaml")
    if other := os.environ.get("STOCKS_CONFIGURATION"):
        given = _merge(given, _read(Path(other)))
    try:
        return Settings(**_merge(given, _well_known(os.environ)))
    except ValidationError as error:
        raise ConfigurationError("configuration: " + "; ".join(_explain(error))) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; STOCKS_CONFIGURATION must name a readable file") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = where.line + 1 if where else 1
        raise ConfigurationError(f"{path}:{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold `key: value` lines")
    return content or {}


def _merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _well_known(environ: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, path in WELL_KNOWN.items():
        if environ.get(name):
            nested: Any = environ[name]
            for key in reversed(path):
                nested = {key: nested}
            given = _merge(given, nested)
    return given


def _check_variables(environ: Mapping[str, str]) -> None:
    structured = {f"{PREFIX}{name}".upper(): is_structured for name, is_structured in _fields(Settings)}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        if name.upper() not in structured:
            raise ConfigurationError(
                f"{name}: no such setting; configuration.yaml lists them, `__` stands between levels"
            )
        if structured[name.upper()] and not _is_json(value):
            shown = "" if "KEY" in name.upper() else f" = {value}"
            raise ConfigurationError(f'{name}{shown}: must be JSON, such as ["a", "b"]')


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _fields(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, bool]]:
    """Names of all settings, levels joined by `__`, each with whether a variable gives it as JSON."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        is_group = isinstance(kind, type) and issubclass(kind, BaseModel)
        yield before + name, is_group or get_origin(kind) is tuple
        if is_group:
            yield from _fields(kind, f"{before}{name}__")  # type: ignore[arg-type]  # a group is a model


def _explain(error: ValidationError) -> Iterator[str]:
    problems = error.errors(include_url=False)
    for problem in problems:
        if any(other["loc"][: len(problem["loc"])] == problem["loc"] != other["loc"] for other in problems):
            continue  # it only says that a part of it was wrong
        key = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
        secret = any(word in key for word in ("key", "redis_url"))
        value = (
            "" if secret or isinstance(problem["input"], dict) else f" = {json.dumps(problem['input'], default=str)}"
        )
        yield f"{key}{value}: {problem['msg'].removeprefix('Value error, ')}"
