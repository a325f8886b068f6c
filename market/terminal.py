"""What the commands print: one line for each thing, in colour on a terminal, never wrapped."""

from rich.console import Console
from rich.text import Text

from market.bars import Bars
from market.history.history import History
from market.history.quality import Finding, Kind
from market.reports.dates import ReportDates

STYLES = {
    Kind.GAP: "red",
    Kind.NO_SESSION: "red",
    Kind.SUSPECTED_SPLIT: "red",
    Kind.OUTLIER: "red",
    Kind.ZERO_VOLUME: "yellow",
    Kind.REPEATED: "yellow",
    Kind.SHORT: "yellow",
    Kind.STALE: "yellow",
    Kind.JUMP: "cyan",
    Kind.SPLIT: "cyan",
}


def console(*, error: bool = False) -> Console:
    """Standard output or error; plain text where it is no terminal."""
    return Console(stderr=error, soft_wrap=True, highlight=False)


def summary(name: str, bars: Bars, findings: tuple[Finding, ...]) -> Text:
    """One line that says what there is and how much of it needs a look."""
    span = f"{len(bars)} sessions, {bars.session[0]} to {bars.session[-1]}"
    if not findings:
        return Text.assemble(f"{name}: {span}: ", ("nothing wrong", "green"))
    count = f"{len(findings)} thing{'s' if len(findings) > 1 else ''} to look at"
    return Text.assemble(f"{name}: {span}: ", (count, "yellow"))


def lines(name: str, findings: tuple[Finding, ...]) -> list[Text]:
    """One line for each finding: name, what it is about, where, and what to do."""
    return [
        Text.assemble(f"{name}: ", (finding.kind.value, STYLES[finding.kind]), f": {finding.text}")
        for finding in findings
    ]


def fetched(history: History) -> Text:
    """One line about fetched bars."""
    bars = history.bars
    text = summary(bars.ticker, bars, history.findings)
    text.append(f", from {bars.source}" + (" (invented, not stored)" if bars.simulated else ""))
    return text


def reported(reports: ReportDates) -> Text:
    """One line about report dates."""
    sources = ", ".join(dict.fromkeys(report.source for report in reports.reports))
    dates = reports.filed_on
    return Text(f"{reports.ticker}: {len(dates)} report dates, {dates[0]} to {dates[-1]}, from {sources}")
