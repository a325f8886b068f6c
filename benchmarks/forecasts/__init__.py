"""How good the forecasts are."""
