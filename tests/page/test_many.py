"""Every view with 500 tickers of simulated prices."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import DEADLINE, Open, check_accessibility, without_trainer
from tests.page.services import tickers
from tests.redis_servers import free_port
from tests.serving.running import Service, start

MANY = 500


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of 500 tickers; what is known of a price lasts as long as the tests."""
    home = tmp_path_factory.mktemp("home")
    with without_trainer(home):
        service = start(
            home,
            free_port(),
            STOCKS_TICKERS=json.dumps(tickers(MANY)),
            STOCKS_HORIZONS="[1, 5]",
            STOCKS_TRAINING__ON_START="false",
            STOCKS_SERVING__DEADLINE=DEADLINE,
            STOCKS_CACHE__MEMORY_TTL="3600",
        )
        yield service
        service.end()


def overview(many: Service, visit: Open) -> Page:
    page = visit(many).go()
    expect(page.locator(".overview td.range svg")).to_have_count(MANY)
    return page


def test_all_are_shown_sorted_and_filtered(many: Service, visit: Open) -> None:
    page = overview(many, visit)
    rows = page.locator(".overview tbody tr")
    price = page.locator("th[data-column=price]")

    price.get_by_role("button").click()
    prices = [float(text.replace(",", "")) for text in page.locator(".overview td:nth-child(2)").all_inner_texts()]
    assert prices == sorted(prices)
    price.get_by_role("button").click()
    expect(price).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Filter by ticker").fill("aab")
    expect(rows).to_have_count(1)
    page.get_by_label("Filter by ticker").fill("zzz")
    expect(page.locator(".empty")).to_be_visible()
    page.get_by_label("Filter by ticker").fill("")
    page.get_by_label("Filter by kind").select_option("model")
    expect(page.locator(".summary")).to_contain_text(f"0 of {MANY} tickers")
    page.get_by_label("Filter by kind").select_option("baseline")
    expect(rows).to_have_count(MANY)


def test_the_overview_is_accessible(many: Service, visit: Open) -> None:
    page = overview(many, visit)

    page.get_by_label("Filter by ticker").fill("AA")
    check_accessibility(page)


def test_a_simulated_ticker_passes_for_no_real_one(many: Service, visit: Open) -> None:
    page = visit(many).go("#/ticker/AAB")

    expect(page.locator(".price-chart.simulated canvas").first).to_be_visible()
    expect(page.locator(".title .badge.simulated")).to_be_visible()
    expect(page.locator(".title")).to_contain_text("invented price")
    expect(page.get_by_text("Simulated: invented bars")).to_be_visible()
    assert "Simulated prices" in page.evaluate("getComputedStyle(document.body, '::before').content")
    check_accessibility(page)


def test_operations_ask_for_the_state_of_all_models_on_request_alone(many: Service, visit: Open) -> None:
    visiting = visit(many)
    page = visiting.go("#/operations")

    expect(page.get_by_role("table", name="Time to answer")).to_be_visible()
    expect(page.get_by_text("None is running.")).to_be_visible()
    assert len([url for url in visiting.watched.urls if "/model/status/" in url]) < MANY
    expect(page.locator("#state .badge.simulated")).to_be_visible()
    check_accessibility(page)
