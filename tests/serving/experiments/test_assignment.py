from configuration import Experiment
from serving.experiments.assignment import answered_tickers

TICKERS = [f"T{number}" for number in range(100)]


def experiment(share: float, name: str = "trial") -> Experiment:
    return Experiment(name=name, challenger="3", share=share)


def test_a_shadow_answers_nothing_and_a_canary_its_share() -> None:
    assert answered_tickers(experiment(0.0), TICKERS) == frozenset()
    assert len(answered_tickers(experiment(0.2), TICKERS)) == 20
    assert len(answered_tickers(experiment(0.001), TICKERS)) == 1
    assert answered_tickers(experiment(1.0), TICKERS) == frozenset(TICKERS)


def test_the_same_tickers_in_every_process_and_more_of_them_with_a_larger_share() -> None:
    tenth = answered_tickers(experiment(0.1), TICKERS)

    assert tenth == answered_tickers(experiment(0.1), reversed(TICKERS))
    assert tenth < answered_tickers(experiment(0.3), TICKERS)


def test_another_experiment_takes_others() -> None:
    assert answered_tickers(experiment(0.1), TICKERS) != answered_tickers(experiment(0.1, "other"), TICKERS)
