"""Whether the forecasts that are served still fit what comes, and how inputs differ from those trained on."""
