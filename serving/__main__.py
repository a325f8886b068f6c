"""Command line: `python -m serving --help`."""

import click

import configuration


@click.group(help="What runs beside the service.")
def main() -> None:
    """Group of the commands below."""


@main.command(
    help="Bring champions, and what experiments test, from the MLflow server into the model store here while it runs."
)
def follow() -> None:
    """Where the service has a disk of its own and no trainer writes to it."""
    import logs  # noqa: PLC0415  # each command imports what it needs
    from forecasting.card import challenger_name, model_name  # noqa: PLC0415
    from forecasting.model_store import default_roots  # noqa: PLC0415
    from serving.following.follower import Follower  # noqa: PLC0415
    from serving.following.registry import ChampionRegistry  # noqa: PLC0415

    configuration.anchor()
    try:
        settings = configuration.load()
    except configuration.ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    uri = settings.training.tracking_uri or ""
    if not uri.startswith(("http://", "https://")):
        raise click.ClickException("MLFLOW_TRACKING_URI: must be the http address of an MLflow server to follow")
    logs.configure(settings.serving.log_level)
    names = [model_name(ticker, horizon) for ticker in settings.tickers for horizon in settings.horizons]
    for experiment in settings.serving.experiments:
        keys = experiment.keys(settings.tickers, settings.horizons)
        names += [challenger_name(experiment.name, *key) for key in sorted(keys)]
    with ChampionRegistry(uri) as registry:
        Follower(registry, default_roots(settings)[0], names).follow()


@main.command(help="Check that no line of the track record was changed since it was written.")
@click.option("--head", help="A head that GET /track-record gave once: the line must still be there.")
def verify(head: str | None) -> None:
    """Exit status 0 only when every line names the one before it."""
    from serving.monitoring.track_record.served_predictions import PredictionLog  # noqa: PLC0415

    found = PredictionLog(configuration.home()).verify(head)
    if found.broken:
        raise click.ClickException(
            f"{found.broken}: this line and the one before do not match; one of them was changed"
        )
    if not found.has_kept_head:
        raise click.ClickException(f"no line has the hash {head}: it was changed, or cut off the end")
    click.echo(f"{found.lines} lines, each names the one before; head {found.head}")


if __name__ == "__main__":
    main(prog_name="python -m serving")
