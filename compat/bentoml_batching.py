"""BentoML's adaptive batching without its waits, which BentoML 1.4.39 offers no way for.

A batch is held back about as long as batches waited on the average of the last fifty, in hope of more calls, so that a
wait for the processor is learnt and repeated. Here each API worker has one call under way, which carries all its rows:
another one in the batch saves a tenth of a millisecond. What arrives while the forests work still travels together.
"""

import inspect

from bentoml._internal.marshal.dispatcher import Optimizer

EXPECTED = ["self", "n", "wait", "duration"]


def merge_without_waiting() -> None:
    """Have every batch leave as soon as the one before it is done; call in the process that batches.

    Raises:
        RuntimeError: this release of BentoML learns its waits elsewhere.
    """
    learn = getattr(Optimizer, "log_outbound", None)
    if learn is None or list(inspect.signature(learn).parameters) != EXPECTED:
        raise RuntimeError(
            "bentoml's batching learns its waits elsewhere now; compat/bentoml_batching.py stands for it"
        )

    def log_outbound(self: Optimizer, n: int, wait: float, duration: float) -> None:  # noqa: ARG001
        learn(self, n, 0.0, duration)

    Optimizer.log_outbound = log_outbound  # type: ignore[method-assign]
