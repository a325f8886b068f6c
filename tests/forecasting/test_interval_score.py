import numpy as np

from forecasting.interval_score import interval_scores


def test_it_is_the_width_plus_twenty_times_the_miss() -> None:
    lower, upper, actual = np.array([0.0, -0.01, 0.0]), np.array([0.02, 0.01, 0.02]), np.array([0.01, -0.02, 0.03])

    np.testing.assert_allclose(interval_scores(lower, upper, actual), [0.02, 0.02 + 20 * 0.01, 0.02 + 20 * 0.01])
