"""Pretraining of a small network of GPT-2's shape on tag texts alone.

For use without GPT-2's own weights: the network is trained to predict each next token of the tag
texts, and `GPT2Regressor(weights=folder)` then starts from it. It has read nothing but tags, so it
is not GPT-2, and is reported as what it is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smallhours_study.extra import require_gpt2
from smallhours_study.paper.gpt2_data import (
    Ids,
    TokenVocabulary,
    checked_rows,
    fingerprint,
    split_validation,
)
from smallhours_study.paper.gpt2_progress import PRETRAINING, OnProgress


def pretrain_gpt2(
    texts: Sequence[str],
    folder: Path,
    *,
    config: Mapping[str, Any] | None = None,
    block_size: int = 256,
    batch_size: int = 20,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    validation_share: float = 0.05,
    device: str | None = None,
    threads: int | None = None,
    seed: int = 0,
    checkpoints: Path | str | None = None,
    progress: OnProgress | None = None,
) -> Path:
    """Train a network with random initial weights on texts, and save it in a folder.

    Args:
        texts: Training texts. Give those of training rows only, so that the score of test rows
            does not depend on their texts.
        folder: Where config, weights and tokens are written.
        config: Fields of transformers' `GPT2Config`.
        block_size: Maximum number of tokens of a text.
        batch_size: Texts per step.
        epochs: Passes over the texts; the weights of the one with the lowest loss are kept.
        learning_rate: Maximum learning rate.
        validation_share: Share of the texts held back to choose that one.
        device: `cpu`, `cuda`, …; None uses a GPU if there is one.
        threads: Threads on the CPU; None leaves them to torch.
        seed: Seed of everything random.
        checkpoints: A folder from which an interrupted training continues.
        progress: Called after each step.

    Returns:
        The folder, for `GPT2Regressor(weights=...)`.

    Raises:
        MissingExtra: without torch and transformers.
        ValueError: when no text has two tokens.
    """
    require_gpt2()
    import torch

    from smallhours_study.paper import gpt2_network, gpt2_training

    readable = [text for text in texts if text]
    learn, stop = split_validation(
        checked_rows(readable, np.zeros(len(readable))), None, validation_share, seed
    )
    vocabulary = TokenVocabulary.of(learn.texts)
    where = gpt2_network.pick_device(device)
    hyperparameters = gpt2_training.Hyperparameters(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=gpt2_training.COSINE,
        warmup_share=0.05,
        weight_decay=0.01,
        seed=seed,
    )
    with gpt2_network.computing_on(where, threads), torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone = gpt2_network.new_backbone(config, len(vocabulary), block_size)
        network = gpt2_network.GPT2WithHead(backbone, 1).to(where)

        def read(some: Sequence[str]) -> list[Ids]:
            """Return the texts with at least two tokens: others have no next token to predict."""
            return [ids for ids in vocabulary.read_all(some, limit=block_size) if len(ids) > 1]

        def loss(batch: Sequence[Ids]) -> Any:
            return network.next_token_loss(*gpt2_network.batch_of(batch, where))

        guessed = read(learn.texts)
        if not guessed:
            raise ValueError("no text has two tokens: there is nothing to guess")
        held = [] if stop is None else sorted(read(stop.texts), key=len)
        judged = gpt2_training.in_batches(held, batch_size)
        settings = {
            "format": 2,
            "course": hyperparameters,
            "config": dict(config or {}),
            "block_size": block_size,
        }
        gpt2_training.TrainingLoop(
            network,
            gpt2_training.TrainingTask(
                PRETRAINING,
                [len(text) for text in guessed],
                lambda rows: loss([guessed[at] for at in rows]),
                (lambda: _mean_loss(loss, judged)) if judged else None,
            ),
            hyperparameters,
            checkpoints=gpt2_training.checkpoints_for(
                checkpoints, fingerprint(settings, learn, stop)
            ),
            progress=progress,
        ).run()
    gpt2_network.save_backbone(network.backbone, vocabulary, folder)
    return folder


def _mean_loss(loss: Any, batches: Sequence[Sequence[Ids]]) -> float:
    """Return the mean over batches, each weighted by its number of predicted tokens."""
    guesses = [sum(len(text) - 1 for text in batch) for batch in batches]
    return float(np.average([float(loss(batch)) for batch in batches], weights=guesses))
