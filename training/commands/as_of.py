"""`python -m training as-of`: a forecast as it would have been made at the end of a day of the past."""

from datetime import UTC, datetime

import click

from training.commands.options import chosen_horizons, chosen_tickers, horizon_option, prepare

# The command imports what it needs when it runs.
# ruff: noqa: PLC0415


@click.command(name="as-of", help="What a model that knew only what was stored and registered by DATE says, UTC.")
@click.argument("ticker")
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@horizon_option
def as_of(ticker: str, day: datetime, horizon: int) -> None:
    """Exit status 0 only when there is a forecast."""
    settings = prepare()
    (ticker,), (horizon,) = chosen_tickers([ticker.upper()], settings), chosen_horizons([str(horizon)], settings)
    if day.date() > datetime.now(UTC).date():
        raise click.ClickException(f"{day:%Y-%m-%d} lies ahead; give today or a day of the past")
    from training.commands.report import print_past
    from training.commands.tables import standard_console
    from training.execution.past_forecast import forecast_as_of

    print_past(forecast_as_of(settings, ticker, horizon, day.date()), standard_console())
