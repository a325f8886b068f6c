"""structlog without rich and greenlet, which structlog 26.1 imports where they are installed.

This program renders no tracebacks by rich and runs in no greenlets; together they take 6 MB of each process.
"""

import importlib
import sys

UNUSED = ("rich", "greenlet")


def import_structlog() -> None:
    """Import structlog as if what it does not need were not installed; call before anything else imports it."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None stands for what cannot be imported
    try:
        importlib.import_module("structlog")
    finally:
        for name in hidden:
            del sys.modules[name]
