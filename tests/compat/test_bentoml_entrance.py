from typing import Any

import pytest

from compat.bentoml_entrance import stand_before


class Kind:
    def to_asgi(self, *, is_main: bool) -> Any:
        return f"application {is_main}"


def test_one_service_has_its_application_wrapped_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kind, "to_asgi", Kind.to_asgi)
    ours, other = Kind(), Kind()

    stand_before(ours, lambda app: f"wrapped {app}")  # type: ignore[arg-type,return-value]  # words for applications

    assert ours.to_asgi(is_main=True) == "wrapped application True"
    assert other.to_asgi(is_main=False) == "application False"


def test_a_release_without_it_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"compat/bentoml_entrance\.py replaces it"):
        stand_before(object(), lambda app: app)
