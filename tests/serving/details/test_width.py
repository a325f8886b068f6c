from typing import Any

import pytest

from configuration import Settings
from serving.details.width import explain_width


async def test_the_baseline_is_as_wide_as_the_level_alone_makes_it(settings: Settings, market: Any, parts: Any) -> None:
    found = await explain_width(settings, market, parts.predictor, "AAPL", 5)

    assert found.correction == pytest.approx(1, abs=1e-3)
    assert found.horizon_level == pytest.approx(found.level * 5**0.5)
    assert found.width > found.horizon_level > 0


async def test_the_correction_is_what_the_model_makes_of_it(
    settings: Settings, market: Any, parts: Any, publish: Any
) -> None:
    publish("AAPL", 1, below=(0.1, 0.4, 0.4), above=(0.1, 0.4, 0.4))
    await parts.champions.look()

    wider = await explain_width(settings, market, parts.predictor, "AAPL", 1)
    publish("AAPL", 1, version=2, below=(0.1, 0.0, 0.0), above=(0.1, 0.0, 0.0))
    await parts.champions.look()
    narrower = await explain_width(settings, market, parts.predictor, "AAPL", 1)

    assert wider.correction == pytest.approx(wider.width / wider.baseline_width)
    assert wider.correction / narrower.correction == pytest.approx(2.718281828**0.4, rel=1e-3)
