"""What is written and what is not."""

import logging
from http import HTTPStatus

import pytest
from bentoml.exceptions import BentoMLException, InvalidArgument, ServiceUnavailable
from pydantic import BaseModel, ValidationError

import logs


class Input(BaseModel):
    """Named as BentoML names what a request holds."""

    tickers: list[str]


class Card(BaseModel):
    version: int


def error_of(model: type[BaseModel]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({})
    return caught.value


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (InvalidArgument("horizon 2 is not configured"), False),
        (error_of(Input), False),
        (error_of(Card), True),
        (ServiceUnavailable("no worker"), True),
        (BentoMLException("a bug", error_code=HTTPStatus.INTERNAL_SERVER_ERROR), True),
        (KeyError("a bug"), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_of_failed_requests_those_are_written_that_are_no_clients_mistake(
    error: Exception,
    written: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("info")
        logging.getLogger(logs.REQUESTS).error("Exception on %s [%s]", "/predict", "POST", exc_info=error)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert ("Exception on /predict [POST]" in capsys.readouterr().err) is written
