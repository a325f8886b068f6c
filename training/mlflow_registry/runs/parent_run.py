"""The run of the pipeline that models are logged below; it may travel to other machines, so it imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParentRun:
    """An open run, as every process finds it that reaches the same MLflow.

    Attributes:
        uri: of MLflow.
        exchange: whose calendar its models follow.
    """

    uri: str
    experiment_id: str
    run_id: str
    exchange: str
