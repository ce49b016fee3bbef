"""The speech service: the selected variant of each voice speaks to whatever asks, over HTTP."""
