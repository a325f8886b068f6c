"""The least that BentoML can be asked for: one service with one dependency."""

import bentoml


@bentoml.service
class Inner:
    """Does nothing."""

    @bentoml.api
    def nothing(self) -> str:
        """Nothing."""
        return ""


@bentoml.service
class Outer:
    """Does nothing with it."""

    inner = bentoml.depends(Inner)

    @bentoml.api
    async def nothing(self) -> str:
        """Nothing."""
        return ""
