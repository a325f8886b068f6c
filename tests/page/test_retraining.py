"""A training that is asked for on the page, on old bars from files."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from market.bars import Bars
from tests.page.conftest import KEY, Open, check_accessibility, start_stale
from tests.serving.running import Service

TRAINED_WITHIN_MS = 600_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, old_bars: dict[str, Bars]) -> Iterator[Service]:
    """A service whose trainer waits."""
    service = start_stale(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("bars"), old_bars)
    yield service
    service.end()


def test_retraining_needs_the_key_and_is_followed_until_it_ends(trained: Service, visit: Open) -> None:
    visiting = visit(trained)
    visiting.watched.refusals_expected = True
    page = visiting.go("#/ticker/MSFT")

    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Train MSFT").click()
    expect(page.locator(".outcome")).to_contain_text("The service refused this key")
    expect(page.get_by_label("Key")).to_have_value("")

    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Train MSFT").click()
    status = page.locator(".outcome [data-status]")
    expect(status).to_have_attribute("data-status", "promoted", timeout=TRAINED_WITHIN_MS)
    # The trainer may have been done with what the visit asks for by itself before it was asked by the button.
    expect(page.get_by_role("table", name="Published versions")).to_contain_text(re.compile("v[12]"))
    expect(page.locator(".title .badge.model")).to_contain_text(re.compile("v[12]"))
    link = page.get_by_role("link", name=re.compile("^v[12]$")).first
    place = re.escape("http://127.0.0.1:5000/#/models/forest-MSFT-1/versions/")
    expect(link).to_have_attribute("href", re.compile(rf"^{place}[12]\?workflowType=machine_learning$"))
    assert KEY not in page.content()
    assert KEY not in trained.log
    check_accessibility(page)
