"""The overview, with ten and with 500 tickers of simulated prices."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import Open, check_accessibility
from tests.page.services import tickers
from tests.redis_servers import free_port
from tests.serving.running import Service, start

MANY = 500


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The default tickers."""
    service = start(tmp_path_factory.mktemp("home"), free_port(), STOCKS_TRAINING__ON_START="false")
    yield service
    service.end()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = start(
        tmp_path_factory.mktemp("home"),
        free_port(),
        STOCKS_TICKERS=json.dumps(tickers(MANY)),
        STOCKS_HORIZONS="[1, 5]",
        STOCKS_TRAINING__ON_START="false",
    )
    yield service
    service.end()


def rows(page: Page) -> Any:
    return page.locator(".overview tbody tr")


def filled(page: Page) -> Any:
    return page.locator(".overview td.range svg")


def names(page: Page) -> list[str]:
    return page.locator(".overview tbody th a").all_inner_texts()


def test_ten_tickers_each_with_its_forecast(ten: Service, visit: Open) -> None:
    page = visit(ten).go()

    expect(filled(page)).to_have_count(10)
    first = rows(page).first
    expect(first.locator("th a")).to_have_text("AAPL")
    expect(first).to_contain_text("Baseline")
    expect(page.locator(".summary")).to_contain_text("10 of 10 tickers")
    check_accessibility(page)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1024, "dark"), (1920, "light")])
def test_every_width_and_colour_is_accessible_and_never_scrolls_sideways(
    ten: Service, visit: Open, width: int, scheme: str
) -> None:
    page = visit(ten, width=width, color_scheme=scheme).go()

    expect(filled(page)).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_accessibility(page)


def test_a_simulated_answer_is_marked_wherever_one_looks(ten: Service, visit: Open) -> None:
    page = visit(ten).go()

    expect(filled(page)).to_have_count(10)
    expect(page.locator("#state .badge.simulated")).to_be_visible()
    expect(page.locator("#state")).to_contain_text("invented")
    expect(rows(page).locator("td .badge.simulated")).to_have_count(10)
    expect(page.locator(".overview tr.simulated")).to_have_count(10)
    banner = page.evaluate("getComputedStyle(document.body, '::before').content")
    assert "Simulated prices" in banner


def test_500_tickers_are_shown_sorted_and_filtered(many: Service, visit: Open) -> None:
    page = visit(many).go()

    expect(filled(page)).to_have_count(MANY)
    page.get_by_role("button", name="Price").click()
    prices = [float(text.replace(",", "")) for text in page.locator(".overview td:nth-child(2)").all_inner_texts()]
    assert prices == sorted(prices)
    page.get_by_role("button", name="Price").click()
    expect(page.locator("th[data-column=price]")).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Filter by ticker").fill("aab")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Filter by ticker").fill("zzz")
    expect(page.locator(".empty")).to_be_visible()
    page.get_by_label("Filter by ticker").fill("")
    page.get_by_label("Filter by kind").select_option("model")
    expect(page.locator(".summary")).to_contain_text(f"0 of {MANY} tickers")
    page.get_by_label("Filter by kind").select_option("baseline")
    expect(rows(page)).to_have_count(MANY)


def test_500_tickers_are_accessible(many: Service, visit: Open) -> None:
    page = visit(many).go()

    expect(filled(page)).to_have_count(MANY)
    page.get_by_label("Filter by ticker").fill("AA")
    check_accessibility(page)


def test_another_horizon_has_wider_intervals_and_stays_in_the_address(ten: Service, visit: Open) -> None:
    page = visit(ten).go()
    expect(filled(page)).to_have_count(10)
    before = page.locator(".overview .ends").first.inner_text()

    page.get_by_label("21", exact=True).check(force=True)

    expect(page.locator(".overview .ends").first).not_to_have_text(before)
    expect(filled(page)).to_have_count(10)
    assert page.url.endswith("horizon=21")
    page.reload()
    expect(page.get_by_label("21", exact=True)).to_be_checked()


def test_the_keyboard_alone_reaches_everything(ten: Service, visit: Open) -> None:
    page = visit(ten).go()
    expect(filled(page)).to_have_count(10)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()

    page.locator("input[name=horizon]:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("5", exact=True)).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Filter by ticker")).to_be_focused()
    page.keyboard.type("ts")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Ticker").focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[data-column=ticker]")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("link", name="TSLA").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("TSLA")


def test_while_answers_are_awaited_the_rows_say_so(ten: Service, visit: Open) -> None:
    opened = visit(ten)
    held: list[Route] = []
    opened.page.route("**/predict", lambda route: held.append(route))  # noqa: PLW0108  # playwright marks what it calls

    page = opened.go()

    expect(page.locator(".overview td.waiting").first).to_be_visible()
    expect(page.locator(".summary")).to_contain_text("waiting for answers")
    check_accessibility(page)
    for route in held:
        route.continue_()
    expect(filled(page)).to_have_count(10)


def test_a_failure_is_told_and_tried_again(ten: Service, visit: Open) -> None:
    opened = visit(ten)
    opened.watched.refusals_expected = True
    problem = {"title": "Service Unavailable", "status": 503, "detail": "nothing is known of any price"}
    opened.page.route("**/predict", lambda route: route.fulfill(status=503, json=problem))

    page = opened.go()

    expect(page.get_by_role("alert")).to_contain_text("nothing is known of any price")
    check_accessibility(page)
    opened.page.unroute("**/predict")
    page.get_by_role("button", name="Try again").click()
    expect(filled(page)).to_have_count(10)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_ticker_without_an_answer_spoils_no_other(ten: Service, visit: Open) -> None:
    opened = visit(ten)

    def without_aapl(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["predictions"] = [one for one in body["predictions"] if one["ticker"] != "AAPL"]
        body["problems"] = [{"ticker": "AAPL", "status": 503, "title": "", "detail": "AAPL: <b>no price</b>"}]
        route.fulfill(response=answer, json=body)

    opened.page.route("**/predict", without_aapl)
    page = opened.go()

    expect(filled(page)).to_have_count(9)
    expect(page.locator(".problem-text")).to_have_text("AAPL: <b>no price</b>")
    page.get_by_label("Filter by kind").select_option("problem")
    assert names(page) == ["AAPL"]
