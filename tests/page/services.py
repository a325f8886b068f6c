"""What the services that tests look at are given."""

from itertools import product
from pathlib import Path
from string import ascii_uppercase

from market.bars import Bars


def write_csv(path: Path, bars: Bars) -> None:
    """Bars as the provider `files` reads them."""
    columns = zip(bars.session, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    lines = [",".join(map(str, row)) for row in columns]
    path.write_text("\n".join(["date,open,high,low,close,volume", *lines]) + "\n", encoding="utf-8")


def tickers(count: int) -> list[str]:
    """So many different tickers."""
    return ["".join(letters) for letters, _ in zip(product(ascii_uppercase, repeat=3), range(count), strict=False)]
