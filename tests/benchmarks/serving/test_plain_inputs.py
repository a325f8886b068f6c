"""The inputs exist twice, here for speed and in the comparison as one writes them in pandas: they are the same."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.serving.plain_inputs import inputs_and_level
from features import NAMES, WARM_UP, features_and_level
from market.bars import COLUMNS, Bars


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_pandas_gives_the_same_inputs(simulated_bars: Bars, horizon: int) -> None:
    bars = simulated_bars[:250]
    frame = pd.DataFrame({name: getattr(bars, name) for name in COLUMNS}, pd.DatetimeIndex(bars.session))

    inputs, level = inputs_and_level(frame, horizon)

    expected, expected_level = features_and_level(bars, horizon)
    assert tuple(inputs.columns) == NAMES
    # Wilder's mean begins otherwise there, which 100 sessions later is forgotten.
    settled = slice(WARM_UP + 100, None)
    np.testing.assert_allclose(inputs.to_numpy()[settled], expected[settled], rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(level.to_numpy()[settled], expected_level[settled], rtol=1e-9)
