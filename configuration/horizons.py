"""Everything that depends on the horizon, in one table: a further horizon is one line here and one in `horizons`."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class HorizonParameters:
    """How a forecast so many sessions ahead is made.

    Attributes:
        volatility_decays: per session, of the fast and the slow mean whose geometric mean is the volatility level; the
            farther the horizon, the slower.
        correction_trust: share of the learned correction of the width that is believed, 0 to 1; over a month the level
            alone is as good.
        echo_weight: what a sign of a coming report adds to the log of the width; a mean of logs underrates a small
            chance of a huge move.
        sign_trust: share of the past surplus of rises over one half that is believed to go on, 0 to 1; a month ahead
            both the surplus and its error are larger than a day ahead, by as much, so as much of it is believed.
        sessions_per_freedom: sessions whose overlapping residuals tell their mean size as well as one degree of freedom
            tells a variance; 0 where two years have so many that it widens by less than half a percent.
    """

    volatility_decays: tuple[float, float]
    correction_trust: float
    echo_weight: float
    sign_trust: float
    sessions_per_freedom: float


# By sessions ahead.
HORIZONS = MappingProxyType(
    {
        1: HorizonParameters(
            volatility_decays=(0.85, 0.97),
            correction_trust=1.0,
            echo_weight=0.3,
            sign_trust=0.5,
            sessions_per_freedom=0.0,
        ),
        5: HorizonParameters(
            volatility_decays=(0.90, 0.985),
            correction_trust=1.0,
            echo_weight=0.0,
            sign_trust=0.25,
            sessions_per_freedom=0.0,
        ),
        21: HorizonParameters(
            volatility_decays=(0.94, 0.993),
            correction_trust=0.25,
            echo_weight=0.0,
            sign_trust=0.5,
            sessions_per_freedom=15.0,
        ),
    }
)
LONGEST_HORIZON = max(HORIZONS)


def check_horizon(sessions: int) -> int:
    """The horizon, when the table has it.

    Raises:
        ValueError: it has not.
    """
    if sessions not in HORIZONS:
        raise ValueError(f"must be one of {', '.join(map(str, HORIZONS))}")
    return sessions
