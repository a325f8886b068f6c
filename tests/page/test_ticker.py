"""One ticker: charts with their tables, past forecasts, model, retraining; on old bars from files."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import Open, check_accessibility
from tests.serving.running import Service


def lay_over(more: dict[str, object]) -> Callable[[Route], None]:
    """Answer as the service does, but for what is given."""

    def fulfil(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | more)

    return fulfil


def opened(stale: Service, visit: Open, place: str = "#/ticker/AAPL", **given: int) -> Page:
    page = visit(stale, **given).go(place)
    expect(page.locator(".price-chart canvas").first).to_be_visible()
    return page


@pytest.mark.parametrize("width", [390, 1280])
def test_everything_about_a_ticker_accessibly(stale: Service, visit: Open, width: int) -> None:
    page = opened(stale, visit, width=width)

    expect(page.get_by_role("heading", level=1)).to_have_text("AAPL")
    expect(page.locator(".headline")).to_contain_text("with 90 % probability between")
    expect(page.locator(".headline")).to_contain_text("Mon 11 Mar 2024 (1 session after 8 Mar 2024, where prices end)")
    expect(page.locator(".title")).to_contain_text("Stale")
    expect(page.locator(".title .badge.simulated")).to_have_count(0)
    expect(page.get_by_text("None: the baseline takes the level as it is")).to_be_visible()
    expect(page.get_by_text("All sessions")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_accessibility(page)


def test_the_width_is_split_into_what_the_model_and_the_report_make_of_it(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    report = {"expected_on": "2024-03-08", "confirmed": False, "source": "files", "in_horizon": 0.86}
    parts = {"model_factor": 1.18, "report_factor": 2.2, "correction": 2.596, "next_report": report}
    model = {"type": "random_forest", "version": 3, "run_id": "1", "trained_at": "2026-01-01T00:00:00Z"}

    visiting.page.route("**/interval/*", lay_over(parts))
    visiting.page.route("**/predict/*", lay_over({"model": model}))
    page = visiting.go("#/ticker/AAPL")

    facts = page.locator("section", has_text="Why it is this wide").locator(".facts")
    expect(facts).to_contain_text("ModelMakes it 18 % wider")
    expect(facts).to_contain_text("8 Mar 2024, inferred from last year's; takes effect by the target session with 86")
    expect(facts).to_contain_text("Effect of itMakes it 120 % wider")
    expect(facts).to_contain_text("TogetherMakes it 160 % wider")


def test_a_canary_is_told_with_its_challenger_and_the_champion(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    challenger = {"experiment": "tenth", "model_type": "gradient_boosting", "version": 4, "run_id": "4"}
    champion = {"model_type": "random_forest", "version": 5}

    visiting.page.route("**/model/versions/*", lay_over({"answering_challenger": challenger}))
    visiting.page.route("**/model/status/*", lay_over(champion))
    page = visiting.go("#/ticker/AAPL")

    facts = page.locator("section", has=page.get_by_role("heading", name="Model", exact=True)).locator(".facts")
    expect(facts).to_contain_text("Answers byGradient Boosting, version 4: the challenger of the experiment “tenth”")
    expect(facts).to_contain_text("ChampionRandom Forest, version 5")


def test_what_was_trained_a_moment_ago_was_trained_just_now(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    metrics = dict.fromkeys(
        ("val_mae", "val_rmse", "baseline_mae", "direction_accuracy", "coverage", "interval_score", "training_time"),
        0.01,
    )
    version = {
        "version": 1,
        "serving": True,
        "run_id": "1",
        "trained_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),  # however long the visit takes
        "trained_from": "2018-01-02",
        "trained_to": "2024-03-07",
        "source": "files",
        "inputs": 24,
        "shrinkage": 0.5,
        "metrics": metrics | {"train_samples": 1000, "val_samples": 500},
    }
    visiting.page.route("**/model/versions/*", lay_over({"versions": [version]}))

    page = visiting.go("#/ticker/AAPL")

    facts = page.locator("section", has=page.get_by_role("heading", name="Model", exact=True)).locator(".facts")
    expect(facts).to_contain_text(re.compile(r"Trained\d+ \w+ \d+, just now"))


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
    page.get_by_text("Forecasts as a table", exact=True).click()
    closes = page.get_by_role("table", name="Forecast closes")
    expect(closes.locator("tbody tr")).to_have_count(2)
    prices = [float(text) for text in closes.locator("tbody tr").first.locator("td.number").all_inner_texts()]
    assert len(prices) == 7
    assert prices == sorted(prices)
    page.get_by_text("Past forecasts as a table").click()
    past = page.get_by_role("region", name="Past forecasts as a table").locator("tbody tr")
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


def test_a_service_that_passes_no_prices_on_shows_forecasts_alone(stale: Service, visit: Open) -> None:
    visiting = visit(stale)

    def without_prices(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "raw_prices": False})

    visiting.page.route("**/page/settings", without_prices)
    page = visiting.go("#/ticker/AAPL")

    expect(page.get_by_role("table", name="Forecast closes").locator("tbody tr")).to_have_count(2)
    expect(page.locator(".price-chart")).to_have_count(0)
    assert not [url for url in visiting.watched.urls if "/bars/" in url]


def test_while_prices_are_awaited_or_fail_the_card_says_so(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    held: list[Route] = []
    visiting.page.route("**/bars/*", lambda route: held.append(route))  # noqa: PLW0108  # playwright marks what it calls

    page = visiting.go("#/ticker/AAPL")
    card = page.locator("section", has_text="Prices and forecasts")

    expect(page.get_by_role("table", name="Of 100 intervals 90 should hold")).to_be_visible()
    expect(card.locator(".loading")).to_be_visible()
    check_accessibility(page)
    for route in held:
        route.fulfill(status=503, json={"detail": "AAPL: no bars from anywhere"})
    expect(card).to_contain_text("AAPL: no bars from anywhere")
    expect(page.locator(".headline")).to_contain_text("with 90 % probability between")
    check_accessibility(page)


def test_outcomes_are_held_against_the_whole_distribution(stale: Service, visit: Open) -> None:
    page = opened(stale, visit)

    parts = page.get_by_role("table", name="Where outcomes fell").locator("tbody tr")
    expect(parts).to_have_count(4)
    counts = [int(text) for text in parts.locator("td:nth-child(2)").all_inner_texts()]
    due = page.get_by_role("row", name="All sessions").locator("td").first
    expect(due).to_have_text(str(sum(counts)))


def test_where_prices_end_before_every_target_no_forecast_is_awaited(stale: Service, visit: Open) -> None:
    visiting = visit(stale)

    def the_newest(route: Route) -> None:
        answer = route.fetch()
        newest = answer.json()["outcomes"][0] | {"target_on": "2024-03-11", "made_on": "2024-03-08"}
        nothing_came = {"actual": None, "inside": None}
        route.fulfill(response=answer, json=answer.json() | {"outcomes": [newest | nothing_came]})

    visiting.page.route("**/track-record/*", the_newest)
    page = visiting.go("#/ticker/AAPL")

    expect(page.get_by_text("Prices end on 8 Mar 2024, so that no target has its close.")).to_be_visible()


def test_the_keyboard_alone_opens_tables_and_trains(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    page = visiting.go("#/ticker/AAPL")
    expect(page.locator(".price-chart canvas").first).to_be_visible()
    reach(page, "Bars as a table")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Bars as a table")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="Bars as a table")).to_be_focused()
    page.get_by_label("Key").focus()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("The service refused this key")


def reach(page: Page, text: str) -> None:
    """Press Tab until what has `text` is focused."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == text:
            return
    pytest.fail(f"Tab never reaches {text}")


def test_an_unknown_ticker_is_told_in_the_services_words(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True

    page = visiting.go("#/ticker/IBM")

    expect(page.get_by_role("alert")).to_contain_text("IBM is not served here")
    page.get_by_role("link", name="All tickers").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_marks_of_the_chart_name_months_and_leave_room_for_the_tag_of_the_latest_price(
    stale: Service, visit: Open
) -> None:
    page = opened(stale, visit)
    ask = """async ([times, prices, latest]) => {
        const { timeMark, priceMarks } = await import("/page/charts/prices.js");
        return [times.map(([time, kind]) => timeMark(time, kind)), priceMarks(prices, latest)];
    }"""
    times = [["2024-01-02", 0], ["2023-05-01", 1], ["2023-08-15", 2]]

    marks, prices = page.evaluate(ask, [times, [375, 400, 425, 1450], 406.22])

    assert marks == ["2024", "May", "15 Aug"]
    assert prices == ["375.00", "", "425.00", "1,450.00"]


def test_a_caption_is_read_as_a_whole_on_a_phone(stale: Service, visit: Open) -> None:
    page = opened(stale, visit, width=390)
    page.get_by_text("Forecasts as a table", exact=True).click()

    region = page.get_by_role("region", name="Forecasts as a table")
    beyond = """region => [
        region.scrollWidth - region.clientWidth,
        region.querySelector("caption span").getBoundingClientRect().right - region.getBoundingClientRect().right,
    ]"""
    table_beyond, caption_beyond = region.evaluate(beyond)

    assert table_beyond > 0, "the table is broader than the phone"
    assert caption_beyond <= 0


def test_a_view_that_cannot_be_loaded_says_that_the_service_does_not_answer(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    page = visiting.go("#/ticker/AAPL")
    expect(page.locator(".headline")).to_contain_text("with 90 % probability between")
    page.route("**/page/views/operations.js", lambda route: route.abort())

    page.get_by_role("link", name="Operations").click()

    expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
    expect(page.get_by_role("alert")).not_to_contain_text("module")


def test_a_probability_of_a_coin_has_no_direction(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.hush()

    def a_coin(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        even = {"direction": "bearish", "confidence": 0.5001, "change_percent": -0.001}
        for one in body["predictions"]:
            one["prediction"] |= even
        route.fulfill(response=answer, json=body)

    visiting.page.route("**/predict", a_coin)
    page = visiting.go()

    expect(page.get_by_role("img", name="rise and fall are as likely")).to_have_count(2)
    expect(page.locator(".direction.bearish")).to_have_count(0)


def test_dates_of_another_year_have_it_and_it_is_told_where_prices_end(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    report = {"expected_on": "2024-05-02", "confirmed": False, "source": "files", "in_horizon": 0}

    def with_report(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for one in body["predictions"]:
            one["data"]["report"] = report
        route.fulfill(response=answer, json=body)

    visiting.page.route("**/predict", with_report)
    visiting.page.route("**/stream/predictions*", lambda route: route.abort())
    visiting.watched.refusals_expected = True
    page = visiting.go()

    told = "Targets are closes of Mon 11 Mar 2024, 1 session after Fri 8 Mar 2024, where prices end."
    expect(page.locator(".targets")).to_have_text(told)
    expect(page.get_by_text("Thu 2 May 2024 (inferred)").first).to_be_visible()
    page.get_by_label("5", exact=True).check(force=True)
    expect(page.locator(".targets")).to_contain_text("Fri 15 Mar 2024, 5 sessions after Fri 8 Mar 2024")
