"""Operations, live events, and a service that ends and comes back."""

import re

import httpx
from playwright.sync_api import Route, expect

from configuration import ROOT
from tests.page.conftest import Open, check_accessibility
from tests.redis_servers import free_port
from tests.serving.running import Service, start


def test_figures_of_the_service_accessibly(stale: Service, visit: Open) -> None:
    for _ in range(30):
        httpx.get(f"{stale.url}/predict/AAPL", timeout=60)

    page = visit(stale).go("#/operations")

    expect(page.get_by_role("table", name="Time to answer")).to_contain_text("GET /predict/{ticker}")
    expect(page.get_by_role("table", name="Predictions of the last quarter")).to_contain_text("Memory")
    expect(page.get_by_text("MiB", exact=False).first).to_be_visible()
    expect(page.get_by_text("No provider over a network is configured.")).to_be_visible()
    expect(page.locator(".spark").first).to_be_visible()
    experiments = page.get_by_role("table", name="Challengers beside the champions")
    expect(experiments).to_contain_text("boosted")
    expect(experiments).to_contain_text("Horizon 1: no session has scored both yet")
    region = page.get_by_role("region", name="Experiments")
    assert region.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    check_accessibility(page)


def test_performance_has_words_of_its_own_beside_the_state_of_the_service(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    reasons = ["95 % were answered within 0.4 s, above performance.p95_seconds 0.1"]

    def slow(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"status": "degraded", "reasons": reasons})

    visiting.page.route("**/performance/summary", slow)
    page = visiting.go("#/operations")

    tile = page.locator(".tile", has_text="Performance")
    expect(tile).to_contain_text("Beyond limits")
    expect(tile).to_contain_text(reasons[0])
    expect(page.locator("#state")).to_contain_text("Degraded")
    expect(page.locator("#state")).to_contain_text("Prices are older than the last session")
    expect(page.locator(".tiles")).not_to_contain_text("Degraded", ignore_case=True)


def test_a_promotion_is_under_way_until_every_challenger_is_champion(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    waiting = ["forest-AAPL-1", "forest-MSFT-1"]

    def promoted(route: Route) -> None:
        answer = route.fetch()
        more = {"status": "promoted", "promoting": waiting, "warnings": ["boosted: no training refits this version"]}
        route.fulfill(response=answer, json=answer.json() | more)

    visiting.page.route("**/experiments/boosted", promoted)
    page = visiting.go("#/operations")

    experiments = page.get_by_role("table", name="Challengers beside the champions")
    expect(experiments).to_contain_text("promoting, 2 to go")
    expect(experiments).to_contain_text("Not champion yet: forest-AAPL-1, forest-MSFT-1")
    expect(experiments).to_contain_text("no training refits this version")
    waiting.pop()
    expect(experiments).to_contain_text("promoting, 1 to go")
    waiting.clear()
    expect(experiments).not_to_contain_text("promoting")
    expect(experiments).to_contain_text("promoted")


def test_a_training_names_the_horizons_whose_outcomes_differ_and_the_time_of_training(
    stale: Service, visit: Open
) -> None:
    visiting = visit(stale)
    steps = [
        {"horizon": 1, "status": "promoted", "reason": "version 2: better", "started_at": 100, "finished_at": 104},
        {"horizon": 5, "status": "kept", "reason": "version 2: rejected", "started_at": 140, "finished_at": 143},
        {"horizon": 21, "status": "promoted", "reason": "version 3: better", "started_at": 160, "finished_at": 162},
    ]
    times = {"queued_at": 90, "started_at": 100, "finished_at": 162}
    job = {"ticker": "AAPL", "job_id": "1", "status": "promoted", "reason": None, "steps": steps} | times
    visiting.page.route("**/model/retrain?*", lambda route: route.fulfill(json=[job]))
    visiting.watched.refusals_expected = True
    visiting.page.route("**/events*", lambda route: route.abort())

    trainings = visiting.go("#/operations").get_by_role("table", name="The last trainings")

    expect(trainings).to_contain_text("1, 21 ahead promoted: better; 5 ahead kept: rejected")
    expect(trainings).to_contain_text("9.0 s")


def test_a_layer_has_its_colour_whichever_others_answered(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    layers = {"miss": 3}

    def from_layers(route: Route) -> None:
        answer = route.fetch()
        figures = answer.json()
        figures["cache_performance"]["by_layer"] = layers
        route.fulfill(response=answer, json=figures)

    visiting.page.route("**/performance/metrics", from_layers)
    page = visiting.go("#/operations")
    found = page.get_by_role("table", name="Predictions of the last quarter")
    colour = "one => getComputedStyle(one).backgroundColor"
    computed = found.locator("tr", has_text="Computed").locator(".swatch")
    expect(computed).to_have_count(1)
    alone = computed.evaluate(colour)

    layers["memory"] = 5
    memory = found.locator("tr", has_text="Memory").locator(".swatch")
    expect(memory).to_have_count(1)

    assert computed.evaluate(colour) == alone
    assert memory.evaluate(colour) != alone


def test_the_words_are_explained_as_in_the_documentation(stale: Service, visit: Open) -> None:
    page = visit(stale).go("#/operations")

    page.get_by_role("link", name="What the words mean").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("What the words mean")
    terms, meanings = (page.locator(f".words {tag}").all_inner_texts() for tag in ("dt", "dd"))
    documented = re.findall(r"^\| ([A-Z][a-z ]+) \| (.+) \|$", _words_of_the_documentation(), re.MULTILINE)
    assert [*zip(terms, meanings, strict=True)] == documented
    wanted = {"Session", "Interval score", "Gain", "Level", "Correction", "Champion", "Challenger", "Shadow", "Canary"}
    assert wanted <= set(terms)
    check_accessibility(page)


def _words_of_the_documentation() -> str:
    text = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    return text[text.index("## Words") : text.index("## What it asks")]


def test_where_nothing_happened_yet_it_says_so(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.page.route("**/model/retrain?*", lambda route: route.fulfill(json=[]))
    # What other tests have asked for is told as an event, a second later.
    visiting.watched.refusals_expected = True
    visiting.page.route("**/events*", lambda route: route.abort())

    page = visiting.go("#/operations")

    expect(page.get_by_text("Nothing was trained in the last week.")).to_be_visible()


def test_while_figures_are_awaited_the_cards_say_so(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    held: list[Route] = []
    visiting.page.route("**/performance/metrics", lambda route: held.append(route))  # noqa: PLW0108  # playwright marks what it calls

    page = visiting.go("#/operations")

    expect(page.locator("section", has_text="Latency by route").locator(".loading")).to_be_visible()
    check_accessibility(page)
    for route in held:
        route.continue_()
    expect(page.get_by_role("table", name="Time to answer")).to_be_visible()


def test_figures_that_fail_are_told_and_come_back(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    problem = {"detail": "too many requests at once"}
    visiting.page.route("**/performance/metrics", lambda route: route.fulfill(status=503, json=problem))

    page = visiting.go("#/operations")

    expect(page.get_by_role("alert")).to_contain_text("No newer figures: too many requests at once")
    check_accessibility(page)
    visiting.page.unroute("**/performance/metrics")
    expect(page.get_by_role("table", name="Time to answer")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_stale_answers_are_marked_and_found(stale: Service, visit: Open) -> None:
    page = visit(stale).go()
    expect(page.locator(".overview td.range svg")).to_have_count(2)

    page.get_by_label("Filter by kind").select_option("stale")

    expect(page.locator(".overview tr.stale td .badge.stale")).to_have_count(2)
    expect(page.locator("#state")).to_contain_text("Prices are stale")
    expect(page.locator(".badge.simulated")).to_have_count(0)
    check_accessibility(page)


def test_on_a_phone_in_the_dark(stale: Service, visit: Open) -> None:
    page = visit(stale, width=390, color_scheme="dark").go("#/operations")

    expect(page.get_by_role("table", name="Time to answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    check_accessibility(page)


def test_a_new_prediction_shows_without_a_reload(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    page = visiting.go()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator(".overview td.range svg")).to_have_count(2)
    assert any("/stream/predictions?horizon=1" in url for url in visiting.watched.urls)
    page.evaluate("document.querySelector('.overview tbody tr').dataset.before = 'yes'")

    httpx.get(f"{stale.url}/predict/AAPL", headers={"Cache-Control": "no-cache"}, timeout=60)

    expect(page.locator(".overview tr[data-before]")).to_have_count(0)


def test_a_service_that_ends_is_told_and_its_return_noticed(stale: Service, visit: Open) -> None:
    visiting = visit(stale)
    visiting.watched.refusals_expected = True
    port, home = free_port(), stale.home / "mortal"
    home.mkdir()
    mortal = start(home, port, STOCKS_TICKERS='["AAPL"]', STOCKS_TRAINING__ON_START="false")
    visiting.watched.origin = visiting.url = mortal.url
    page = visiting.go()
    expect(page.locator("#connection")).to_have_text("Live")

    mortal.end()

    expect(page.locator("#connection")).to_have_text("Offline")
    expect(page.locator("#state")).to_contain_text("Unreachable")
    expect(page.locator(".overview td.range svg")).to_have_count(1)
    again = start(home, port, STOCKS_TICKERS='["AAPL"]', STOCKS_TRAINING__ON_START="false")
    try:
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator("#state .pill")).not_to_have_text("Unreachable")
    finally:
        again.end()


def test_colours_are_chosen_and_remembered(stale: Service, visit: Open) -> None:
    page = visit(stale, color_scheme="light").go()
    button = page.get_by_role("button", name="Colours")

    button.click()
    button.click()

    expect(button).to_have_text("Dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    expect(button).to_have_text("Dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
