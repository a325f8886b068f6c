"""Results as tables, in Markdown, and as a picture."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import psutil

mpl.use("agg")
from matplotlib import pyplot as plt

LIBRARIES = ("bentoml", "fastapi", "uvicorn", "onnxruntime", "scikit-learn", "mlflow", "numpy")

Results = dict[str, list[dict[str, Any]]]


def written(results: Results) -> str:
    """Everything as Markdown; rows by title."""
    parts = [f"{_machine()}\n\nCommand: `python -m benchmarks.serving`, {datetime.now(UTC):%Y-%m-%d}."]
    parts += [f"### {title}\n\n{table(rows)}" for title, rows in results.items()]
    return "\n\n".join(parts) + "\n"


def _machine() -> str:
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    memory = psutil.virtual_memory().total / 2**30
    cores = f"{psutil.cpu_count()} cores, {memory:.0f} GiB, load generator on the same cores"
    return f"{platform.machine()}, {cores}; Python {platform.python_version()}, {versions}."


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as Markdown; the first one names the columns."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([_shown(row.get(head)) for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"  # noqa: PLR2004  # three digits say enough
    return "" if value is None else str(value)


def draw(results: Results, path: Path) -> None:
    """Requests a second, by connections, for the three comparisons."""
    names = [name for name in ("cached", "uncached", "one_row") if name in results]
    if not names:
        return
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 4), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        for server in dict.fromkeys(row["server"] for row in results[name]):
            mine = [row for row in results[name] if row["server"] == server]
            axis.plot([row["connections"] for row in mine], [row["rate"] for row in mine], "o-", label=server)
        axis.set(title=name.replace("_", " "), xlabel="connections", ylabel="answers a second", yscale="log")
        axis.legend()
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
