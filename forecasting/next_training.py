"""What the next training does to a champion that was promoted by hand."""

from configuration import Settings


def fate_of_recipe(settings: Settings, recipe: str) -> str:
    """What happens to a champion of a recipe that no training tries, after "AAPL at horizon 1: "; empty of others."""
    tried = settings.training.recipes_tried
    if recipe in tried:
        return ""
    others = " or ".join(tried)
    return (
        f"`training.recipes_tried` has no {recipe}, so no training refits this version, and the next one replaces it"
        f" where {others} is better by {settings.training.promotion_margin:.1%}; to keep the recipe, set"
        f" STOCKS_TRAINING__RECIPES_TRIED='[\"{recipe}\"]'"
    )
