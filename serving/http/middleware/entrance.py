"""What every request to an API worker passes that is not answered from memory, in order."""

from collections.abc import Callable

from starlette.types import ASGIApp

from configuration import Settings
from serving.container import Container
from serving.http.middleware.dispatcher import Dispatcher
from serving.http.middleware.envelope import Envelope


def make_entrance(native: ASGIApp, settings: Settings, container: Callable[[], Container]) -> ASGIApp:
    """The application of an API worker.

    Args:
        native: BentoML's application.
        container: gives the parts of the running service; called once requests come in.
    """

    def application() -> ASGIApp:
        # Called in a thread while predictions are answered already: this import takes as long as all others together.
        from serving.http.application import make_application  # noqa: PLC0415

        return make_application(settings, container)

    dispatcher = Dispatcher(native, application, settings, container)
    return Envelope(dispatcher, settings)
