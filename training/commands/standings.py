"""Where every model stands, as `python -m training status` prints it."""

import re
from collections.abc import Sequence
from string import ascii_lowercase

from rich.console import Console

from training.commands.tables import compact_table, print_lines
from training.mlflow_registry.versions.standings import Standing

# Ticker, horizon, where it stands, and the version that is published.
Row = tuple[str, int, Standing, str]
HEADINGS = ("ticker", "horizon", "champion", "newest", "decision", "why", "gain", "over\nbaseline", "90 %\nholds")
# What is said below the table where every row would say the same, and else below the decision.
COMMON = ("recipe", "prices")
NUMBER = re.compile(r"[-+]?\d[\d.,]*%?")
COLUMNS = (
    "champion: the version that serves; where the model store has another one, it is named beside it",
    "newest: the version that was trained last; recipe, prices, decision and scores are its own, out of sample",
    "gain: share by which its interval score is below that of the last 252 returns' quantiles",
    "over baseline: the same beside the baseline, which needs no training and serves where there is no model",
    "90 % holds: share of the outcomes that were inside the 90 % interval",
)


def print_standings(standings: Sequence[Row], console: Console, *, whole: bool = False) -> None:
    """One row for each model, and below the table what each column and each reason means.

    Args:
        whole: print the reason of each model in full, in place of a letter that stands for it.
    """
    details = [_details(standing) for _, _, standing, _ in standings]
    common = {name: value for name, value in _common(details).items() if value}
    letters = {} if whole else _letters(standings)
    headings = [heading for heading in HEADINGS if letters or heading != "why"]
    table = compact_table(*headings, title="Registry")
    for row, detail in zip(standings, details, strict=True):
        own = [value for name, value in detail.items() if value and name not in common]
        table.add_row(*_cells(row, letters, own))
    console.print(table)
    said = [f"{name} of all: {value}" for name, value in common.items()]
    print_lines([*COLUMNS, *said], console)
    _print_reasons(standings, letters, console)


def _print_reasons(standings: Sequence[Row], letters: dict[str, str], console: Console) -> None:
    console.print()
    if letters:
        print_lines([f"why {letter}: {_same(reason, standings)}" for reason, letter in letters.items()], console)
        print_lines(["the numbers of each: --why, or name a ticker"], console)
        return
    for ticker, horizon, standing, _ in standings:
        if standing.reason:
            print_lines([f"{ticker} at horizon {horizon}: version {standing.newest}: {standing.reason}"], console)


def _same(general: str, standings: Sequence[Row]) -> str:
    """The reason with its numbers, where all that it stands for have the same ones."""
    found = {standing.reason for ticker, _, standing, _ in standings if _general(standing.reason, ticker) == general}
    return found.pop() if len(found) == 1 else general


def _letters(standings: Sequence[Row]) -> dict[str, str]:
    """A letter for each reason without its numbers, in the order in which they come."""
    reasons = dict.fromkeys(_general(standing.reason, ticker) for ticker, _, standing, _ in standings)
    names = [*ascii_lowercase, *(f"{first}{second}" for first in ascii_lowercase for second in ascii_lowercase)]
    return dict(zip((reason for reason in reasons if reason), names, strict=False))


def _general(reason: str, ticker: str) -> str:
    return NUMBER.sub("…", reason.replace(ticker, "…"))


def _cells(row: Row, letters: dict[str, str], own: Sequence[str]) -> list[str]:
    ticker, horizon, standing, published = row
    gains = [_percent(standing, name, "+.1%") for name in ("skill_over_last_252", "skill_over_baseline")]
    why = [letters.get(_general(standing.reason, ticker), "")] if letters else []
    newest = "" if standing.newest is None else str(standing.newest)
    decision = "not trained yet" if standing.newest is None else "\n".join([standing.decision, *own])
    scores = (*gains, _percent(standing, "coverage", ".1%"))
    return [ticker, str(horizon), _champion(standing, published), newest, decision, *why, *scores]


def _champion(standing: Standing, published: str) -> str:
    champion = "" if standing.champion is None else str(standing.champion)
    if champion == published:
        return champion
    return f"{champion or 'none'}\nstore: {published or 'none'}"


def _details(standing: Standing) -> dict[str, str]:
    prices = {"true": "simulated", "false": "real"}.get(standing.scores.get("simulated", ""), "")
    return {"recipe": standing.scores.get("recipe", ""), "prices": prices}


def _common(details: Sequence[dict[str, str]]) -> dict[str, str]:
    """What every row says that says anything."""
    found = {name: {one[name] for one in details if one[name]} for name in COMMON}
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _percent(standing: Standing, score: str, form: str) -> str:
    return format(float(standing.scores[score]), form) if score in standing.scores else ""
