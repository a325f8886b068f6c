"""The forests as the API asks them: within a time limit, and not at all while they are silent."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from serving.models.onnx_sessions import PROBE, Output, Row

log = structlog.get_logger(__name__)

Call = Callable[[Sequence[Row]], Awaitable[Sequence[Output]]]

# Seconds that a call may take longer for each model in it, which may have to be opened first.
OPENING_SECONDS = 0.01
PROBE_EVERY_SECONDS = 0.5


class ForestsUnavailable(Exception):
    """The forests' process is dead, frozen or too slow; the baseline answers."""


class ForestClient:
    """Calls to the forests that fail fast.

    The first call that fails or takes too long suspends all others, which then fail at once. From there on a background
    task alone tries whether the forests answer again, so that no request waits for that.
    """

    def __init__(self, call: Call, timeout: float) -> None:
        """Reach the forests by `call`.

        Args:
            timeout: seconds that a call may take, without the time to open models.
        """
        self._call = call
        self._timeout = timeout
        self._suspended = asyncio.Event()
        self._on_return: list[Callable[[], Awaitable[None]]] = []
        self.problem = ""

    def on_return(self, tell: Callable[[], Awaitable[None]]) -> None:
        """Have `tell` called each time the forests answer again."""
        self._on_return.append(tell)

    async def predict(self, rows: Sequence[Row]) -> Sequence[Output]:
        """The outputs for rows, in their order.

        Raises:
            ForestsUnavailable: they do not answer, or did not a moment ago.
        """
        if self.problem:
            raise ForestsUnavailable(self.problem)
        models = len({row.folder for row in rows})
        return await self._ask(rows, self._timeout + OPENING_SECONDS * models)

    async def predict_patiently(self, rows: Sequence[Row], seconds: float) -> Sequence[Output]:
        """The same within `seconds`, also while others fail at once; for models that are tried before they serve.

        Raises:
            ForestsUnavailable: they do not answer.
        """
        return await self._ask(rows, seconds)

    async def answer(self) -> bool:
        """Whether the forests answer now."""
        try:
            await self.predict([PROBE])
        except ForestsUnavailable:
            return False
        return True

    async def watch(self) -> None:
        """Try silent forests until they answer again; runs until cancelled."""
        while True:
            await self._suspended.wait()
            if await self._answer_again():
                await self._resume()
            else:
                await asyncio.sleep(PROBE_EVERY_SECONDS)

    async def _ask(self, rows: Sequence[Row], seconds: float) -> Sequence[Output]:
        try:
            async with asyncio.timeout(seconds):
                return await self._call(rows)
        except Exception as error:
            reason = f"no answer within {seconds:.2g} s" if isinstance(error, TimeoutError) else type(error).__name__
            self._suspend(f"the forests do not answer ({reason}); the baseline does")
            raise ForestsUnavailable(self.problem) from error

    async def _answer_again(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                await self._call([PROBE])
        except Exception:  # noqa: BLE001  # whatever it is, they do not answer yet
            return False
        return True

    def _suspend(self, problem: str) -> None:
        if not self.problem:
            log.error("forests.unavailable", problem=problem)
        self.problem = problem
        self._suspended.set()

    async def _resume(self) -> None:
        self.problem = ""
        self._suspended.clear()
        log.info("forests.available")
        for tell in self._on_return:
            await tell()
