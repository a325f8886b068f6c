"""Between which values a hyperparameter is looked for."""

from dataclasses import dataclass
from typing import Any

from training.learning.recipe import Recipe

# How far to either side of the configured value, as a factor.
REACH = 4


@dataclass(frozen=True, slots=True)
class Range:
    """Values from `low` to `high`, both included, drawn on a logarithmic scale.

    Attributes:
        integer: whether only whole numbers are.
    """

    low: float
    high: float
    integer: bool


def space_of(recipe: Recipe) -> dict[str, Range]:
    """The range of each hyperparameter that is a number above zero; what is none stays as it is configured.

    A range reaches from a quarter of the configured value to four times it, within the bounds that the recipe declares.
    """
    numbers = {name: getattr(recipe, name) for name in type(recipe).model_fields}
    return {
        name: _range(value, type(recipe).model_fields[name].metadata)
        for name, value in numbers.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    }


def _range(value: float, bounds: list[Any]) -> Range:
    integer = isinstance(value, int)
    step = 1 if integer else 0
    lowest = _limits(bounds, "ge") + _limits(bounds, "gt", step)
    highest = _limits(bounds, "le") + _limits(bounds, "lt", -step)
    low = max([value // REACH if integer else value / REACH, *lowest])
    return Range(low, min([value * REACH, *highest]), integer)


def _limits(bounds: list[Any], name: str, step: int = 0) -> list[Any]:
    return [getattr(bound, name) + step for bound in bounds if hasattr(bound, name)]
