"""Predictions as prices come: how current every listener is, what that costs, and how soon it recovers from faults.

`python -m benchmarks.streams` starts a stand-in of Tiingo's stream that sends one price a second of each of ten
tickers, the service on an exchange that never closes, and 500 listeners to all ten; it prints how old each price was
when it arrived, by the moment at which the stand-in sent it, and what the API worker and this process took. The
service has no models: the baseline forecasts. `--seconds 600` shows whether memory grows, `--against` compares with
another checkout in turns, `--beside` asks for predictions without and with the listeners. `--replay 390` plays the
minutes of a day, made from a daily bar, at a hundred times the speed, to a client and to the page in a Chromium.
`--faults` kills the owner of the streams, takes Redis away, and the provider.
"""

import asyncio
from pathlib import Path

import click
import uvloop

from benchmarks.streams.faults import faults
from benchmarks.streams.load import beside, currency
from benchmarks.streams.replay import replay
from benchmarks.streams.scene import stage
from configuration import ROOT


@click.command()
@click.option("--listeners", "count", default=500, show_default=True, help="Clients, each to ten tickers.")
@click.option("--seconds", default=30, show_default=True, help="For which they are watched.")
@click.option("--rounds", default=1, show_default=True, help="Turns, each with a service of its own.")
@click.option(
    "--against",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Another checkout, measured in turns with this one.",
)
@click.option("--beside", "is_beside", is_flag=True, help="Ask for predictions, by wrk and at a fixed rate.")
@click.option("--replay", "minutes", default=0, help="Play so many minutes of a day at a hundred times the speed.")
@click.option("--faults", "with_faults", is_flag=True, help="Kill the owner of the streams, take Redis away.")
def main(
    count: int, seconds: int, rounds: int, against: Path | None, minutes: int, *, is_beside: bool, with_faults: bool
) -> None:
    """Measure streamed predictions."""

    async def measure() -> None:
        async with stage() as ready:
            if minutes:
                await replay(ready, minutes)
                return
            ticking = asyncio.create_task(ready.provider.tick())
            if with_faults:
                await faults(ready)
            elif is_beside:
                await beside(ready, count)
            else:
                await currency(ready, [*((against,) if against else ()), ROOT], count, seconds, rounds)
            ticking.cancel()

    uvloop.run(measure())


if __name__ == "__main__":
    main()
