"""BentoML's reverse proxy, which a service that is none need not load.

BentoML 1.4.39 imports it in every process that serves, and with it aiohttp and pyparsing: 8 MB that nothing uses unless
a service is a command of its own (`@bentoml.service(cmd=...)`).
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

PROXY, MAKER = "_bentoml_impl.server.proxy", "create_proxy_app"


def load_when_called() -> None:
    """Have the proxy imported when one is made; call before BentoML makes an application.

    Raises:
        RuntimeError: this release of BentoML has it elsewhere.
    """
    if PROXY in sys.modules:
        return
    if find_spec(PROXY) is None:
        raise RuntimeError(f"bentoml has no {PROXY} any more; compat/bentoml_proxy.py stands for it")
    stand_in = ModuleType(PROXY)
    setattr(stand_in, MAKER, _make)
    sys.modules[PROXY] = stand_in


def _make(service: Any) -> Any:
    """Make a proxy as BentoML does."""
    del sys.modules[PROXY]
    return getattr(importlib.import_module(PROXY), MAKER)(service)
