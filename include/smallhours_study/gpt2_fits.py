"""GPT-2's predictions from strings of tags: with its own weights, or by a small network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from smallhours_study.paper.gpt2_regressor import GPT2Regressor

Floats = npt.NDArray[np.float64]

# Stands for weights: a small network of GPT-2's shape that learns from the strings alone.
SMALL = "small"
_SMALL = {"n_layer": 2, "n_head": 4, "n_embd": 64}
_SMALL_TOKENS = 128
_PRETRAINING_EPOCHS, _FINE_TUNING_EPOCHS = 2, 2
# A network this small learns nothing in a few epochs at GPT-2's own rate.
_SMALL_RATE = 1e-3


@dataclass(frozen=True)
class SplitTexts:
    """Texts and their targets.

    Attributes:
        train: Training texts.
        validation: Texts to choose the epoch by.
        test: Texts to predict.
        train_targets: (train, features) targets.
        validation_targets: (held, features) targets.
    """

    train: Sequence[str]
    validation: Sequence[str]
    test: Sequence[str]
    train_targets: Floats
    validation_targets: Floats


def fine_tuned(
    strings: SplitTexts,
    weights: str,
    *,
    seed: int,
    threads: int,
    checkpoints: Path | None,
    progress: Any,
) -> Floats:
    """Predict (test, features) by a GPT-2 with a regression head for each feature, as in the paper.

    Args:
        strings: The texts.
        weights: A folder, or a name of the hub.
        seed: Seed of everything random.
        threads: Threads on the CPU.
        checkpoints: Folder for unfinished training, with a folder for each feature.
        progress: Called after each step.
    """
    from smallhours_study.paper.gpt2_regressor import GPT2Regressor

    def one(at: int) -> Floats:
        folder = checkpoints and checkpoints / str(at)
        model = GPT2Regressor(weights, threads=threads, seed=seed)
        return _fit(model, strings, [at], folder, progress).predict(strings.test)

    return np.stack([one(at) for at in range(strings.train_targets.shape[1])], axis=1)


def small_network(
    strings: SplitTexts, *, seed: int, threads: int, checkpoints: Path, progress: Any
) -> Floats:
    """Predict (test, features) by a small network of GPT-2's shape, pretrained on training texts.

    It first learns to predict each next token of them; then all features at once, which on a
    CPU takes minutes instead of hours.

    Args:
        strings: The texts.
        seed: Seed of everything random.
        threads: Threads on the CPU.
        checkpoints: Folder for unfinished training and for the pretrained network.
        progress: Called after each step.
    """
    from smallhours_study.paper.gpt2_pretraining import pretrain_gpt2
    from smallhours_study.paper.gpt2_regressor import GPT2Regressor

    folder = pretrain_gpt2(
        strings.train,
        checkpoints / "has-read",
        config=_SMALL,
        block_size=_SMALL_TOKENS,
        epochs=_PRETRAINING_EPOCHS,
        threads=threads,
        seed=seed,
        checkpoints=checkpoints / "reading",
        progress=progress,
    )
    model = GPT2Regressor(
        folder,
        block_size=_SMALL_TOKENS,
        learning_rate=_SMALL_RATE,
        epochs=_FINE_TUNING_EPOCHS,
        threads=threads,
        seed=seed,
    )
    every = list(range(strings.train_targets.shape[1]))
    fitted = _fit(model, strings, every, checkpoints / "regression", progress)
    return fitted.predict(strings.test).reshape(len(strings.test), len(every))


def note(weights: str) -> str:
    """Return the note about the weights for readers of the figures."""
    if weights != SMALL:
        return f"weights: {Path(weights).name}"
    layers, width = _SMALL["n_layer"], _SMALL["n_embd"]
    return (
        f"not GPT-2: a network of its shape, {layers} layers of {width}, that has read nothing but "
        f"the training strings, {_SMALL_TOKENS} tokens of each; all features at once"
    )


def _fit(
    model: "GPT2Regressor",
    strings: SplitTexts,
    features: Sequence[int],
    checkpoints: Path | None,
    progress: Any,
) -> "GPT2Regressor":
    train_targets, validation_targets = (
        strings.train_targets[:, features],
        strings.validation_targets[:, features],
    )
    if len(features) == 1:
        train_targets, validation_targets = train_targets[:, 0], validation_targets[:, 0]
    return model.fit(
        strings.train,
        train_targets,
        validation=(strings.validation, validation_targets),
        checkpoints=checkpoints,
        progress=progress,
    )
