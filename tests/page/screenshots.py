"""`make screenshots URL=...` pictures every view of a running service, wide and narrow, light and dark.

All of them go to var/screenshots, the two of the README to docs/images.
"""

import os
import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from configuration import ROOT

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
FOLDER, DOCUMENTS = ROOT / "var" / "screenshots", ROOT / "docs" / "images"
WIDTHS, SCHEMES = (390, 1024, 1920), ("light", "dark")
README_SIZE = (1280, 760)
# What is there once a view has drawn itself.
VIEWS = {
    "overview": ("#/", ".overview td.range svg"),
    "ticker": ("#/ticker/{ticker}", ".price-chart canvas"),
    "operations": ("#/operations", ".spark"),
}
PATIENCE_MS = 120_000
SETTLED_MS = 1500


def main(url: str, ticker: str) -> None:
    """Take all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for view, width, scheme in product(VIEWS, WIDTHS, SCHEMES):
            path = FOLDER / f"{view}-{width}-{scheme}.png"
            take(browser, url, view, ticker, path, scheme, (width, 900), full=True)
        for view, scheme in (("overview", "light"), ("ticker", "dark")):
            take(browser, url, view, ticker, DOCUMENTS / f"page-{view}.png", scheme, README_SIZE, full=False)
        browser.close()


def take(
    browser: Browser, url: str, view: str, ticker: str, path: Path, scheme: str, size: tuple[int, int], *, full: bool
) -> None:
    """Picture one view once it has drawn itself."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    place, drawn = VIEWS[view]
    page.goto(f"{url}/{place.format(ticker=ticker)}", wait_until="commit")
    page.wait_for_selector(drawn, timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLED_MS)
    save(page, path, full=full)
    page.close()


def save(page: Page, path: Path, *, full: bool) -> None:
    """Write what the page shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=full)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
