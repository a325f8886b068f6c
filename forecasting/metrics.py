"""The scores that a model is published with."""

from pydantic import BaseModel, ConfigDict


class Metrics(BaseModel):
    """Scores on sessions that the model had not seen; errors are returns (0.0119 is 1.19 %), times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    val_mae: float
    val_rmse: float
    baseline_mae: float
    direction_accuracy: float
    coverage: float
    interval_score: float
    training_time: float
    train_samples: int
    val_samples: int
