"""Experiments: challengers that forecast beside the champions, or answer in their place for a share of the tickers."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_EXPERIMENTS = 8
# Such a name stands in names of models, of aliases and of metrics.
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,23}$"
# A version's number, an alias, or the name of a recipe.
CHALLENGER_PATTERN = r"^([1-9][0-9]{0,8}|[a-z][a-z0-9_-]{0,63})$"


def _in_upper_case(values: object) -> object:
    return [text.upper() if isinstance(text, str) else text for text in values] if isinstance(values, list) else values


class Experiment(BaseModel):
    """One challenger for each of its tickers and horizons.

    Attributes:
        challenger: number of a registered version, an alias, or the name of a recipe, of which the newest counts.
        tickers, horizons: all configured ones when empty.
        share: of the tickers, those that the challenger answers; 0 for a shadow, which answers nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    challenger: Annotated[str, Field(pattern=CHALLENGER_PATTERN)]
    tickers: Annotated[tuple[str, ...], BeforeValidator(_in_upper_case)] = ()
    horizons: tuple[int, ...] = ()
    share: Annotated[float, Field(ge=0, le=1)] = 0.0

    @property
    def is_canary(self) -> bool:
        """Whether the challenger answers anything."""
        return self.share > 0

    def keys(self, tickers: tuple[str, ...], horizons: tuple[int, ...]) -> set[tuple[str, int]]:
        """Tickers and horizons that take part, among the configured ones."""
        return {(ticker, horizon) for ticker in self.tickers or tickers for horizon in self.horizons or horizons}


def check_experiments(experiments: tuple[Experiment, ...], tickers: tuple[str, ...], horizons: tuple[int, ...]) -> None:
    """Raise ValueError for experiments that cannot be run side by side on what is configured.

    Raises:
        ValueError: a ticker or horizon is not configured, a name stands there twice, or two canaries share a ticker.
    """
    taken: dict[tuple[str, int], str] = {}
    for number, one in enumerate(experiments):
        where = f"serving.experiments.{number} ({one.name})"
        if one.name in [other.name for other in experiments[:number]]:
            raise ValueError(f"{where}: another experiment has this name")
        if one.challenger == "champion":
            raise ValueError(f"{where}: challenger = champion, which is what it would be compared with")
        for key in sorted(one.keys(tickers, horizons)):
            if key[0] not in tickers or key[1] not in horizons:
                raise ValueError(f"{where}: {key[0]} at horizon {key[1]} is not among `tickers` and `horizons`")
            if one.is_canary and key in taken:
                raise ValueError(f"{where}: {key[0]} at horizon {key[1]} is in the canary {taken[key]} already")
            if one.is_canary:
                taken[key] = one.name
