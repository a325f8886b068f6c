"""What a service with thousands of tickers takes."""
