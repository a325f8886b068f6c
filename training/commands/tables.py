"""Tables that can be read in a terminal of 80 columns, and in a file."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def standard_console() -> Console:
    """Of standard output: as wide as the terminal, or as COLUMNS says, or 80 characters where it is a file."""
    return Console(highlight=False)


def compact_table(*headings: str, title: str) -> Table:
    """A table with one space between columns; longer headings are broken where they say."""
    return Table(*headings, title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0)


def print_lines(lines: Sequence[str], console: Console) -> None:
    """Lines as they are, broken between words where they are longer than the console is wide."""
    for line in lines:
        console.print(Text(line, style="dim"), soft_wrap=False)
