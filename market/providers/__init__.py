"""Sources of prices, one file each.

To add one: a file `NAME.py` here with a class that keeps `Provider` and a function `build(resources)` that makes it
(None when it cannot answer); its section in `configuration/market.py` and `configuration.yaml`; its name in
`ProviderName` there.
"""
