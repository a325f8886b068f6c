"""An LSTM with a linear output, trained by Equinox and optax on JAX; the same seed gives the same weights."""

from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from market.bars import FloatArray

Sequences = np.ndarray[tuple[int, int, int], np.dtype[np.float32]]
Weights = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


class Options(Protocol):
    """What decides how it learns; `training.recipes.lstm` says what each is."""

    hidden: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float


class Network(eqx.Module):
    """One cell that runs over a sequence, and a linear output of its last state."""

    cell: eqx.nn.LSTMCell
    output: eqx.nn.Linear

    def __init__(self, moves: int, hidden: int, key: jax.Array) -> None:
        """Draw weights for sequences of so many moves a session."""
        first, second = jax.random.split(key)
        self.cell = eqx.nn.LSTMCell(moves, hidden, key=first)
        self.output = eqx.nn.Linear(hidden, 1, key=second)

    def __call__(self, sequence: jax.Array) -> jax.Array:
        """The output for one sequence, shape (sessions, moves)."""
        start = (jnp.zeros(self.cell.hidden_size), jnp.zeros(self.cell.hidden_size))
        (state, _), _ = jax.lax.scan(lambda carry, session: (self.cell(session, carry), None), start, sequence)
        return self.output(state)[0]


def train(sequences: Sequences, target: Any, options: Options, seed: int) -> Weights:
    """Learn weights by least squares.

    Args:
        sequences: shape (n, sessions, moves).
        target: shape (n,), float32.
    """
    key, order = jax.random.split(jax.random.PRNGKey(seed))
    size = min(options.batch_size, len(sequences))
    steps = len(sequences) // size
    pace = optax.cosine_decay_schedule(options.learning_rate, steps * options.epochs)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(pace, weight_decay=options.weight_decay))
    model = Network(sequences.shape[-1], options.hidden, key)
    state = optimizer.init(eqx.filter(model, eqx.is_array))
    given = (jnp.asarray(sequences), jnp.asarray(target))
    for _ in range(options.epochs):
        order, now = jax.random.split(order)
        chosen = jax.random.permutation(now, len(sequences))[: steps * size].reshape(steps, size)
        found: tuple[Network, Any] = _epoch(optimizer.update, model, state, chosen, given)
        model, state = found
    return _weights(model)


def outputs(weights: Weights, sequences: Sequences) -> FloatArray:
    """What a trained network says, shape (n,)."""
    return np.asarray(_run(_model(weights), jnp.asarray(sequences)), dtype=np.float64)


@eqx.filter_jit
def _epoch(update: Any, model: Network, state: Any, chosen: jax.Array, given: tuple[jax.Array, jax.Array]) -> Any:
    sequences, target = given
    moving, still = eqx.partition(model, eqx.is_array)

    def loss(weights: Any, rows: jax.Array) -> jax.Array:
        made = jax.vmap(eqx.combine(weights, still))(sequences[rows])
        return jnp.mean((made - target[rows]) ** 2)

    def step(carry: Any, rows: jax.Array) -> Any:
        weights, before = carry
        changes, after = update(jax.grad(loss)(weights, rows), before, weights)
        return (optax.apply_updates(weights, changes), after), None

    (moving, state), _ = jax.lax.scan(step, (moving, state), chosen)
    return eqx.combine(moving, still), state


@eqx.filter_jit
def _run(model: Network, sequences: jax.Array) -> jax.Array:
    return jax.vmap(model)(sequences)


def _weights(model: Network) -> Weights:
    found = {
        "input": model.cell.weight_ih,
        "state": model.cell.weight_hh,
        "bias": model.cell.bias,
        "output": model.output.weight,
        "output_bias": model.output.bias,
    }
    return {name: np.asarray(value, dtype=np.float32) for name, value in found.items()}


def _model(weights: Weights) -> Network:
    gates, moves = weights["input"].shape
    model = Network(moves, gates // 4, jax.random.PRNGKey(0))
    filled: Network = eqx.tree_at(
        lambda one: (one.cell.weight_ih, one.cell.weight_hh, one.cell.bias, one.output.weight, one.output.bias),
        model,
        tuple(jnp.asarray(weights[name]) for name in ("input", "state", "bias", "output", "output_bias")),
    )
    return filled
