"""BentoML's worker without what it imports and does not use, run in place of it: 12 MB less of each process.

BentoML 1.4.39 imports the starter of its supervisor (circus, zmq, tornado) in every process, and the client of other
services (aiohttp) where nobody calls one.
"""

import importlib
import runpy
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

WORKER = "_bentoml_impl.worker.service"
SERVER, STARTER = "_bentoml_impl.server.serving", "serve_http"
CLIENT, SESSIONS = "_bentoml_impl.client.proxy2", "SessionManager"
HTTP = "aiohttp"


class Later(ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class Sessions:
    """The sessions of a client of BentoML, which imports aiohttp with the first of them."""

    def __init__(self, make: Any, **given: Any) -> None:
        self._make = partial(make, **given)
        self._made: Any = None

    async def get_session(self) -> Any:
        """A session as BentoML has it."""
        if self._made is None:
            self._made = self._make()
        return await self._made.get_session()

    async def close(self) -> None:
        """End them, if there are any."""
        if self._made is not None:
            await self._made.close()


def import_less() -> None:
    """Put off these imports; call before anything of BentoML is imported.

    Raises:
        RuntimeError: this release of BentoML has them elsewhere.
    """
    server = ModuleType(SERVER)
    setattr(server, STARTER, _start)
    sys.modules[SERVER] = server
    put_off_client()


def put_off_client() -> None:
    """Put off the client's imports alone.

    Raises:
        RuntimeError: this release of BentoML has them elsewhere.
    """
    sys.modules[HTTP] = Later(HTTP)
    client = importlib.import_module(CLIENT)
    if not isinstance(getattr(client, SESSIONS, None), type):
        raise RuntimeError(  # noqa: TRY004  # it is the release of a library that is wrong, no argument
            f"bentoml has no {CLIENT}.{SESSIONS} any more; compat/bentoml_worker.py puts it off"
        )
    setattr(client, SESSIONS, partial(Sessions, getattr(client, SESSIONS)))


def _start(*arguments: Any, **options: Any) -> Any:
    del sys.modules[SERVER]
    return getattr(importlib.import_module(SERVER), STARTER)(*arguments, **options)


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # as `python -m` has it
    import_less()
    runpy.run_module(WORKER, run_name="__main__", alter_sys=True)
