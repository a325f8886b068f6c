"""`make page-speed URL=...` says how soon the page of a running service shows its first row, and how much it loads.

Each time a browser without a cache opens the overview; time counts from the beginning of the navigation.
"""

import sys
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from tests.page.screenshots import ARGUMENTS, CHROMIUM, PATIENCE_MS

TIMES = 15
# Notes when the first row that has its forecast is in the page.
NOTE_FIRST_ROW = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".overview td.range svg")) return;
  window.firstRow = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""
LOADED = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter(({ name }) => name.includes("/page/") && !name.endsWith("settings") || !new URL(name).pathname.slice(1))
  .map(({ encodedBodySize }) => encodedBodySize)
"""


def main(url: str) -> None:
    """Print milliseconds until the first row, and the bytes of the page's files as they travel."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        visits = [_visit(browser, url) for _ in range(TIMES)]
        browser.close()
    times = sorted(took for took, _ in visits)
    sizes = visits[0][1]
    print(  # noqa: T201  # for a person at a terminal
        f"first row after {median(times):.0f} ms (median of {TIMES}, {times[0]:.0f} to {times[-1]:.0f});"
        f" {len(sizes)} files, {sum(sizes) / 1000:.0f} kB compressed"
    )


def _visit(browser: Browser, url: str) -> tuple[float, list[int]]:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(NOTE_FIRST_ROW)
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".overview td.range svg", timeout=PATIENCE_MS)
    found = float(page.evaluate("window.firstRow")), list(page.evaluate(LOADED))
    context.close()
    return found


if __name__ == "__main__":
    main(sys.argv[1])
