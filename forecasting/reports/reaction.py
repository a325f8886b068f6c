"""How far a ticker moves when it reports: learnt from its own past reports, drawn to what is usual."""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from market.bars import FloatArray

# A reaction of more than this many times the ordinary mean square counts as this many.
LARGEST_SQUARE = 60.0
SMALLEST_SIZE = 0.2
# Number of reports that the usual size, and the usual timing, are worth against a ticker's own.
SIZE_WEIGHT, TIMING_WEIGHT = 4.0, 2.0
# Iterations of expectation and maximisation; the share moves by less than 0.01 after three.
ITERATIONS = 3
CERTAIN = 0.98


class Reaction(BaseModel):
    """What a report does to a ticker.

    Attributes:
        size: mean squared return of the session in which a report takes effect over that of an ordinary one, less 1.
        same_session: probability that it takes effect in the session of its filing date, otherwise in the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[float, Field(ge=0)]
    same_session: Annotated[float, Field(ge=0, le=1)]

    def widening(self, horizon: int) -> float:
        """Factor on the width of a forecast over `horizon` sessions, in one of which a report takes effect."""
        return float(np.sqrt(1 + self.size / horizon))


# A little below the mean of ten large technology companies to 2022, which react more than most.
USUAL = Reaction(size=7.0, same_session=0.15)


def reaction_of(squares: FloatArray, usual: Reaction = USUAL) -> Reaction:
    """Estimate a ticker's reaction.

    The size is a mean that counts `usual` as SIZE_WEIGHT reports. Which of two sessions reacted is not told by the
    dates, so the share of reports that take effect on their own date is estimated as that of a mixture of two normal
    distributions, which counts `usual` as TIMING_WEIGHT reports.

    Args:
        squares: shape (m, 2), squared return of the filing session and of the next over the ordinary mean square.

    Source: Dempster, Laird and Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", 1977.
    """
    squares = np.minimum(squares, LARGEST_SQUARE)
    count = len(squares)
    size = (SIZE_WEIGHT * usual.size + float(np.sum(squares)) - 2 * count) / (SIZE_WEIGHT + count)
    size = max(size, SMALLEST_SIZE)
    evidence = np.clip(0.5 * size / (1 + size) * (squares[:, 0] - squares[:, 1]), -50, 50)
    share = usual.same_session
    for _ in range(ITERATIONS):
        prior = np.clip(share, 1 - CERTAIN, CERTAIN)
        belongs = 1 / (1 + np.exp(-evidence) * (1 - prior) / prior)
        share = (TIMING_WEIGHT * usual.same_session + float(np.sum(belongs))) / (TIMING_WEIGHT + count)
    return Reaction(size=size, same_session=share)
