"""One ticker: charts with their tables, past forecasts, model, retraining; on old bars from files."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import KEY, Open, check_accessibility
from tests.serving.running import Service

TRAINED_WITHIN_MS = 200_000


def opened(stale: Service, visit: Open, place: str = "#/ticker/AAPL", **given: int) -> Page:
    page = visit(stale, **given).go(place)
    expect(page.locator(".price-chart canvas").first).to_be_visible()
    return page


@pytest.mark.parametrize("width", [390, 1280])
def test_everything_about_a_ticker_accessibly(stale: Service, visit: Open, width: int) -> None:
    page = opened(stale, visit, width=width)

    expect(page.get_by_role("heading", level=1)).to_have_text("AAPL")
    expect(page.locator(".headline")).to_contain_text("with 90 % probability between")
    expect(page.locator(".title")).to_contain_text("Stale")
    expect(page.locator(".title .badge.simulated")).to_have_count(0)
    expect(page.get_by_text("None: the baseline takes the level as it is")).to_be_visible()
    expect(page.get_by_text("All sessions")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_accessibility(page)


def test_news_are_links_whose_titles_are_text(stale: Service, visit: Open) -> None:
    page = opened(stale, visit)

    link = page.get_by_role("link", name="<img src=/x onerror=document.title='run'> & more")
    expect(link).to_have_attribute("href", "https://example.com/a?b=1&c")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(page.get_by_text("1 article, positive tone")).to_be_visible()
    expect(page.locator(".news img")).to_have_count(0)


def test_each_chart_has_its_table(stale: Service, visit: Open) -> None:
    page = opened(stale, visit)

    page.get_by_text("Bars as a table").click()
    expect(page.get_by_role("region", name="Bars as a table").locator("tbody tr")).to_have_count(250)
    page.locator("summary", has_text="Forecasts as a table").first.click()
    expect(page.get_by_role("table", name="Forecast closes").locator("tbody tr")).to_have_count(2)
    page.locator("summary", has_text="Forecasts as a table").last.click()
    past = page.get_by_role("region", name="Forecasts as a table").last.locator("tbody tr")
    expect(past.nth(10)).to_contain_text("side")
    check_accessibility(page)


def test_a_horizon_without_past_forecasts_says_so(stale: Service, visit: Open) -> None:
    page = opened(stale, visit)

    page.get_by_label("5", exact=True).check(force=True)

    expect(page.locator(".headline")).to_contain_text("5 sessions after")
    expect(page.get_by_text("5 sessions ahead")).to_be_visible()
    expect(page.locator(".facts").get_by_text("Over 5 sessions")).to_be_visible()


def test_without_the_chart_library_the_tables_stand(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    visiting.page.route("**/page/vendor/*.mjs", lambda route: route.fulfill(status=404, body=""))

    page = visiting.go("#/ticker/AAPL")

    expect(page.get_by_text("The chart library is not installed here")).to_be_visible()
    page.get_by_text("Bars as a table").click()
    expect(page.get_by_role("region", name="Bars as a table").locator("tbody tr")).to_have_count(250)


def test_an_unknown_ticker_is_told_in_the_services_words(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True

    page = visiting.go("#/ticker/IBM")

    expect(page.get_by_role("alert")).to_contain_text("IBM is not served here")


def test_retraining_needs_the_key_and_is_followed_until_it_ends(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    page = visiting.go("#/ticker/AAPL")

    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Train AAPL").click()
    expect(page.locator(".outcome")).to_contain_text("security.api_keys")
    expect(page.get_by_label("Key")).to_have_value("")

    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Train AAPL").click()
    status = page.locator(".outcome [data-status]")
    expect(status).to_have_attribute("data-status", "promoted", timeout=TRAINED_WITHIN_MS)
    expect(page.get_by_role("table", name="Published versions")).to_contain_text("v1")
    expect(page.locator(".title .badge.model")).to_contain_text("v1")
    link = page.get_by_role("link", name="v1")
    expect(link).to_have_attribute("href", "http://127.0.0.1:5000/#/models/forest-AAPL-1/versions/1")
    assert KEY not in page.content()
    assert KEY not in stale.log
    check_accessibility(page)
