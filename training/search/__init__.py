"""Search for hyperparameters, on sessions before those that models are scored on."""
