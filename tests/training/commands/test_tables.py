"""Every table can be read in a terminal of 80 columns: whole headings, one row for each model."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from forecasting.metrics import Metrics
from training.backtest.backtest import Backtest
from training.backtest.results import Result
from training.commands.report import print_backtest, print_comparison, print_evaluation, print_outcomes, print_search
from training.commands.standings import Row, print_standings
from training.commands.tables import standard_console
from training.comparison.differences import Difference
from training.comparison.lines import Line
from training.execution.out_of_sample import Evaluated
from training.execution.outcome import Outcome
from training.mlflow_registry.versions.standings import Standing
from training.search.search import Found

WIDTH = 80
SCORES = {"skill_over_last_252": "0.1212", "skill_over_baseline": "-0.0011", "coverage": "0.9", "simulated": "true"}
KEPT = "its improvement on the champion is {}, not -1.00%"
ROWS: list[Row] = [
    ("AAPL", 1, Standing(103, 103, "promoted", "there is no champion", SCORES | {"recipe": "forest"}), "103"),
    ("AAPL", 5, Standing(103, 104, "rolled back", KEPT.format("-3.20%"), SCORES | {"recipe": "forest"}), "103"),
    ("BRK.B", 21, Standing(3, 4, "rejected", KEPT.format("-1.20%"), SCORES | {"recipe": "pooled_boosting"}), "2"),
    ("META", 21, Standing(None, None, "", "", {}), ""),
]


def printed(show: Callable[[Console], None]) -> list[str]:
    """Lines of what is printed on 80 columns, without the spaces that fill them up."""
    text = io.StringIO()
    show(Console(file=text, width=WIDTH, highlight=False))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    return [line.rstrip() for line in lines]


def outcomes(console: Console) -> None:
    metrics = Metrics(
        val_mae=0.01, val_rmse=0.02, baseline_mae=0.01, direction_accuracy=0.5, coverage=0.9, interval_score=0.1,
        training_time=123.4, train_samples=1, val_samples=1,
    )  # fmt: skip
    scores = {"skill_over_last_252": 0.123}
    print_outcomes([Outcome("GOOGL", 21, True, "", "pooled_boosting", 104, metrics, scores, True)], console)


def evaluation(console: Console) -> None:
    scores = {"days": 756, "coverage": 0.9, "report_coverage": 0.8, "interval_score": 0.1}
    scores |= {"skill_over_last_252": 0.1, "skill_over_ewma": 0.1}
    print_evaluation([Evaluated("GOOGL", 21, "", scores, simulated=True)], console)


def comparison(console: Console) -> None:
    means = {"interval_score": 0.1, "coverage": 0.9, "crps": 0.01, "seconds": 123.4, "onnx_bytes": 123000}
    gain = Difference(-0.1123, -0.1234, 0.1234, 756)
    print_comparison([Line("pooled_boosting", 21, 500, means, gain)], "pooled_boosting", console)


def backtested(console: Console) -> None:
    result = Result("volatility_targeting", 10, -0.123, 0.234, -1.1, -1.2, 1.3, -0.1, -0.2, 0.3, 123.4, 0.456, 0.02)
    print_backtest(Backtest([result], {10: 0.5}, 85, "2021-04-01", "2024-03-08", False, "/"), console)


def searched(console: Console) -> None:
    print_search(Found(50, {"width_alpha": 1.0}, 0.1, {"width_alpha": 2.0}, 0.09, "2021-03-08", "/"), console)


@pytest.mark.parametrize(
    ("show", "name"),
    [
        (lambda console: print_standings(ROWS, console), "AAPL"),
        (lambda console: print_standings(ROWS, console, whole=True), "AAPL"),
        (outcomes, "GOOGL"),
        (evaluation, "GOOGL"),
        (comparison, "pooled_boosting"),
        (backtested, "volatility_"),
        (searched, "width_alpha"),
    ],
)
def test_nothing_is_cut_off(show: Callable[[Console], None], name: str) -> None:
    lines = printed(show)
    table = lines[: next(place for place, line in enumerate(lines) if line.startswith("gain"))]
    assert not [line for line in table if "…" in line]
    assert [line for line in table if line.split()[:1] == [name]]


def test_a_reason_is_a_letter_that_is_explained_once_without_the_numbers_of_each_model() -> None:
    lines = printed(lambda console: print_standings(ROWS, console))
    rows = [line.split() for line in lines if line.startswith(("AAPL ", "BRK.B "))]
    assert [row[2:4] + row[-4:-3] for row in rows] == [["103", "103", "a"], ["103", "104", "b"], ["3", "4", "b"]]
    assert "why a: there is no champion" in lines
    assert "why b: its improvement on the champion is …, not …" in lines


def test_what_is_not_trained_yet_and_what_the_store_has_otherwise_is_said() -> None:
    lines = printed(lambda console: print_standings(ROWS, console))
    assert any(line.split() == ["META", "21", "not", "trained", "yet"] for line in lines)
    assert any(line.startswith("store: 2") for line in (line.strip() for line in lines))


def test_the_whole_reason_of_each_model_is_there_for_the_asking() -> None:
    lines = printed(lambda console: print_standings(ROWS, console, whole=True))
    assert "AAPL at horizon 5: version 104: " + KEPT.format("-3.20%") in " ".join(lines)
    assert "BRK.B at horizon 21: version 4: " + KEPT.format("-1.20%") in " ".join(lines)


def test_a_file_is_as_wide_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "123")
    assert standard_console().width == 123
    monkeypatch.delenv("COLUMNS")
    assert standard_console().width == WIDTH
