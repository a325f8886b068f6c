"""What the page shows while prices come: every price that stands in the overview, in order."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
FIRST_ROW = ".overview td.range svg"
PATIENCE_MS = 120_000
# Ten looks a second: a price of the replay stands for longer.
NOTE_PRICES = """() => {
  window.shown = {};
  setInterval(() => {
    for (const row of document.querySelectorAll(".overview tbody tr")) {
      const ticker = row.querySelector("th a")?.textContent, price = row.querySelector("td.number")?.textContent;
      const known = (window.shown[ticker] ??= []);
      if (price && known.at(-1) !== price) known.push(price);
    }
  }, 100);
}"""


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Page]:
    """The overview in a Chromium, whose prices are noted until the block ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page()
        await page.goto(url)
        await page.wait_for_selector(FIRST_ROW, timeout=PATIENCE_MS)
        await page.evaluate(NOTE_PRICES)
        yield page
        await browser.close()


async def shown(page: Page) -> dict[str, list[float]]:
    """The prices of each ticker so far, with two decimals as they stand there."""
    texts: dict[str, list[str]] = await page.evaluate("window.shown")
    return {ticker: [float(text.replace(",", "")) for text in its] for ticker, its in texts.items()}
