"""What forecasts of the width are worth in a portfolio, after costs and after all that was tried."""
