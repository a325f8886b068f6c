from market.errors import NO_PROVIDER, NoPrices


def test_every_reason_is_told_and_the_ticker_once() -> None:
    told = str(NoPrices("AAPL", ["AAPL: no file AAPL.csv", "yahoo: does not know it"]))

    assert told == "AAPL: no prices from any provider: no file AAPL.csv; yahoo: does not know it"
    assert str(NoPrices("AAPL", [])).endswith(NO_PROVIDER)
