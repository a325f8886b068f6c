"""What tests see of circuit breakers."""

from market.providers.chain import Chain


def state_of(chain: Chain, provider: str) -> str:
    limited = chain.named(provider)
    assert limited is not None
    assert limited.circuit_breaker is not None
    return limited.circuit_breaker.state
