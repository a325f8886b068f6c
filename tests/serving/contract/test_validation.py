from collections.abc import Callable
from http import HTTPStatus

import pytest

from configuration import Settings
from serving.contract.problems import Problem
from serving.contract.validation import check_horizon, check_ticker


@pytest.mark.parametrize("text", ["AAPL", "aapl", "aApL"])
def test_case_does_not_matter(settings: Settings, text: str) -> None:
    assert check_ticker(text, settings) == "AAPL"


@pytest.mark.parametrize(
    "text", ["", "1AAPL", "AAPL ", "A/B", "TOOLONGNAME", "ÄÖ", "AAPL\n", "../etc", "<script>", "🚀"]
)
def test_what_cannot_be_a_ticker_is_422(settings: Settings, text: str) -> None:
    with pytest.raises(Problem) as caught:
        check_ticker(text, settings)

    assert caught.value.status == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("text", ["ZZZZ", "BRK.B", "goog"])
def test_a_ticker_that_is_not_configured_is_404(settings: Settings, text: str) -> None:
    with pytest.raises(Problem, match=f"{text.upper()} .*STOCKS_TICKERS") as caught:
        check_ticker(text, settings)

    assert caught.value.status == HTTPStatus.NOT_FOUND


def test_without_horizon_1_the_error_says_how_to_ask_for_another(make_settings: Callable[..., Settings]) -> None:
    told = r"the horizons are 5, 21 sessions; ask with horizon=5, for 1 is taken where none is given"
    with pytest.raises(Problem, match=told):
        check_horizon(1, make_settings(horizons=[5, 21]))


def test_a_horizon_that_is_not_configured_is_422_and_says_which_are(settings: Settings) -> None:
    check_horizon(5, settings)
    with pytest.raises(Problem, match="the horizons are 1, 5 sessions") as caught:
        check_horizon(21, settings)

    assert caught.value.status == HTTPStatus.UNPROCESSABLE_ENTITY
