from click.testing import CliRunner

from training.__main__ import main
from training.commands.search import advice


def test_the_best_values_are_set_beside_the_configured_ones() -> None:
    compare, train = advice("linear", {"width_alpha": 12.5, "expected_alpha": 100.0})

    assert compare.endswith("compare --recipes linear --set width_alpha=12.5 --set expected_alpha=100.0")
    assert "STOCKS_TRAINING__RECIPES__LINEAR__WIDTH_ALPHA=12.5" in train
    words = compare.partition("python -m training ")[2].split()
    assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0


def test_without_better_values_there_is_nothing_to_do() -> None:
    assert advice("linear", {}) == ["the configured hyperparameters are the best so far"]
