"""What is known of one ticker beside its prediction: bars, versions, past forecasts, the width of the interval."""
