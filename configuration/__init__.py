"""Settings: `configuration.yaml`, the file named by STOCKS_CONFIGURATION, the environment; later ones win.

Nothing here has a default of its own: `configuration.yaml` beside this folder lists every setting once.
"""

from configuration.credentials import SHORTEST_API_KEY, keys_of, misfit
from configuration.experiments import Experiment
from configuration.horizons import HORIZONS, LONGEST_HORIZON, HorizonParameters
from configuration.loading import WELL_KNOWN, ConfigurationError, load
from configuration.market import Alpaca, AlphaVantage, Edgar, Files, Market, Reports, Tiingo, Yahoo
from configuration.places import ROOT, anchor, bento_folder, bento_store, home, scratch
from configuration.settings import Cache, Performance, Security, Serving, Settings, Tracing, Training
from configuration.values import TICKER_PATTERN, WINDOW_SECONDS, is_ticker, quota_window

__all__ = [
    "HORIZONS",
    "LONGEST_HORIZON",
    "ROOT",
    "SHORTEST_API_KEY",
    "TICKER_PATTERN",
    "WELL_KNOWN",
    "WINDOW_SECONDS",
    "Alpaca",
    "AlphaVantage",
    "Cache",
    "ConfigurationError",
    "Edgar",
    "Experiment",
    "Files",
    "HorizonParameters",
    "Market",
    "Performance",
    "Reports",
    "Security",
    "Serving",
    "Settings",
    "Tiingo",
    "Tracing",
    "Training",
    "Yahoo",
    "anchor",
    "bento_folder",
    "bento_store",
    "home",
    "is_ticker",
    "keys_of",
    "load",
    "misfit",
    "quota_window",
    "scratch",
]
