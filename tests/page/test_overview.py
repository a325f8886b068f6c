"""The overview, with the ten default tickers and simulated prices."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import DEADLINE, Open, check_accessibility, without_trainer
from tests.redis_servers import free_port
from tests.serving.running import Service, start


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The default tickers, whose page asks for newer answers when a test has it do so."""
    home = tmp_path_factory.mktemp("home")
    with without_trainer(home):
        service = start(
            home,
            free_port(),
            STOCKS_TRAINING__ON_START="false",
            STOCKS_SERVING__DEADLINE=DEADLINE,
            STOCKS_CACHE__MEMORY_TTL="3600",
        )
        yield service
        service.end()


def rows(page: Page) -> Any:
    return page.locator(".overview tbody tr")


def filled(page: Page) -> Any:
    return page.locator(".overview td.range svg")


def names(page: Page) -> list[str]:
    return page.locator(".overview tbody th a").all_inner_texts()


def asked_tickers(route: Route) -> list[str]:
    asked: list[str] = (route.request.post_data_json or {})["tickers"]
    return asked


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


@pytest.mark.parametrize(
    ("heading", "first"), [("90 % interval", "descending"), ("Target", "ascending"), ("Rise", "descending")]
)
def test_each_click_on_a_heading_turns_the_order(ten: Service, visit: Open, heading: str, first: str) -> None:
    page = visit(ten).go()
    expect(filled(page)).to_have_count(10)
    button = page.get_by_role("button", name=heading)

    button.click()
    once = names(page)
    expect(page.locator(f"th[aria-sort={first}]")).to_contain_text(heading)
    button.click()

    assert names(page) == once[::-1]
    assert sorted(once) == sorted(names(page))


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
    opened.hush()
    held: list[Route] = []
    opened.page.route("**/predict", lambda route: held.append(route))  # noqa: PLW0108  # playwright marks what it calls

    page = opened.go()

    expect(page.locator(".overview td.waiting").first).to_be_visible()
    expect(page.locator(".summary")).to_contain_text("waiting for 10")
    check_accessibility(page)
    for route in held:
        route.continue_()
    expect(filled(page)).to_have_count(10)


def test_a_failure_is_told_and_tried_again(ten: Service, visit: Open) -> None:
    opened = visit(ten)
    opened.hush()
    problem = {"title": "Service Unavailable", "status": 503, "detail": "nothing is known of any price"}
    opened.page.route("**/predict", lambda route: route.fulfill(status=503, json=problem))

    page = opened.go()

    expect(page.get_by_role("alert")).to_contain_text("nothing is known of any price")
    check_accessibility(page)
    opened.page.unroute("**/predict")
    page.get_by_role("button", name="Try again").click()
    expect(filled(page)).to_have_count(10)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_busy_service_is_asked_again_for_less(ten: Service, visit: Open) -> None:
    opened = visit(ten)
    opened.hush()
    asked: list[int] = []

    def too_late(route: Route) -> None:
        asked.append(len(asked_tickers(route)))
        if len(asked) > 1:
            route.continue_()
        else:
            route.fulfill(status=504, headers={"Retry-After": "1"}, json={"detail": "no answer within 10 s"})

    opened.page.route("**/predict", too_late)
    page = opened.go()

    expect(filled(page)).to_have_count(10)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert asked[:3] == [10, 5, 5]


def test_rows_that_stay_without_an_answer_say_why(ten: Service, visit: Open) -> None:
    opened = visit(ten)
    opened.hush()

    def only_others(route: Route) -> None:
        if "AAPL" in asked_tickers(route):
            route.fulfill(status=504, json={"detail": "no answer within 10 s"})
        else:
            route.continue_()

    opened.page.route("**/predict", only_others)
    page = opened.go()

    expect(filled(page)).to_have_count(7)
    expect(page.get_by_role("alert")).to_contain_text("of 3 tickers: no answer within 10 s")
    expect(rows(page).filter(has_text="no answer within 10 s").filter(has_text="AAPL")).to_have_count(1)
    expect(page.locator(".summary")).to_contain_text("3 without an answer")
    expect(rows(page)).to_have_count(10)
    check_accessibility(page)


def test_focus_stays_where_it_is_when_answers_change(ten: Service, visit: Open) -> None:
    page = visit(ten).go()
    expect(filled(page)).to_have_count(10)
    page.get_by_role("link", name="MSFT").focus()
    page.evaluate("for (const row of document.querySelectorAll('.overview tbody tr')) row.dataset.before = 'yes'")

    httpx.get(f"{ten.url}/predict/MSFT", headers={"Cache-Control": "no-cache"}, timeout=120)

    expect(page.locator(".overview tr[data-before]", has_text="MSFT")).to_have_count(0)
    expect(page.get_by_role("link", name="MSFT")).to_be_focused()


def test_a_ticker_without_an_answer_spoils_no_other(ten: Service, visit: Open) -> None:
    opened = visit(ten)
    opened.hush()

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
