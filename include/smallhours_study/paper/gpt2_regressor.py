"""GPT-2 with a regression head, which predicts audio features from tags as text.

The paper's third model: GPT-2 reads a track's tags as text (`TagStrings`) and is trained to predict
the feature by mean squared error, batches of 20, at most 256 tokens, one model per feature, and
the weights of the best validation score are kept. A target of several columns trains one network
with an output each, which the paper does not do and which costs a fifth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from smallhours_study.extra import require_gpt2
from smallhours_study.formats.bpe import text_rows
from smallhours_study.paper.gpt2_data import (
    Ids,
    TextRows,
    TokenVocabulary,
    checked_rows,
    fingerprint,
    split_validation,
)
from smallhours_study.paper.gpt2_progress import FINE_TUNING, OnProgress

Floats = npt.NDArray[np.float64]
HUB_NAME = "openai-community/gpt2"
# Texts per batch in prediction.
_PREDICT_BATCH_SIZE = 64


class GPT2Regressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """GPT-2 on texts, for y of shape (n,) or (n, targets).

    Args:
        weights: A name of the hub, or a local folder with `config.json` and `model.safetensors`;
            None starts with random weights.
        config: Config of a network with random weights: fields of transformers' `GPT2Config`,
            such as `{"n_layer": 2, "n_head": 2, "n_embd": 64}`. Its vocabulary is the tokens of
            its training texts.
        block_size: Maximum number of tokens of a text.
        batch_size: Texts per step.
        epochs: Passes over the training texts; the learning rate has fallen to 0 after the last.
        learning_rate: Maximum learning rate. The default suits GPT-2's own weights; a small
            network needs 20 times as much.
        schedule: Decay of the learning rate: `linear` or `cosine`.
        warmup_share: Share of all steps in which the learning rate rises.
        weight_decay: Weight decay of AdamW.
        validation_share: Share of the rows, by whole groups if given, held back to choose the
            epoch whose weights are kept; 0 keeps the last one's.
        device: `cpu`, `cuda`, …; None uses a GPU if there is one.
        threads: Threads on the CPU; None leaves them to torch.
        seed: Seed of everything random. On a CPU the same seed gives the same model; a GPU sums
            in no fixed order.

    Attributes:
        history_: (training, validation) mean squared error per epoch, in standard deviations of
            the target.
        best_epoch_: The epoch whose weights were kept, from 1.
        device_: The device that it was trained on.
        network_: The torch module.

    >>> tiny = {"n_layer": 1, "n_head": 2, "n_embd": 32}
    >>> model = GPT2Regressor(weights=None, config=tiny, learning_rate=0.01, epochs=8)
    >>> fitted = model.fit(["calm, piano", "loud, metal"] * 50, [0.1, 0.9] * 50)
    >>> fitted.predict(["calm, piano", "loud, metal"]).round(1).tolist()
    [0.1, 0.9]
    """

    def __init__(
        self,
        weights: str | Path | None = HUB_NAME,
        config: Mapping[str, Any] | None = None,
        block_size: int = 256,
        batch_size: int = 20,
        epochs: int = 3,
        learning_rate: float = 5e-5,
        schedule: str = "linear",
        warmup_share: float = 0.1,
        weight_decay: float = 0.01,
        validation_share: float = 0.2,
        device: str | None = None,
        threads: int | None = None,
        seed: int = 0,
    ) -> None:
        self.weights = weights
        self.config = config
        self.block_size = block_size
        self.batch_size = batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.warmup_share = warmup_share
        self.weight_decay = weight_decay
        self.validation_share = validation_share
        self.device = device
        self.threads = threads
        self.seed = seed

    def fit(
        self,
        X: Sequence[str],  # noqa: N803
        y: Any,
        groups: Any = None,
        *,
        validation: tuple[Sequence[str], Any] | None = None,
        checkpoints: Path | str | None = None,
        progress: OnProgress | None = None,
    ) -> Self:
        """Fine-tune.

        Args:
            X: (n,) texts.
            y: (n,) or (n, targets).
            groups: (n,) such as the artists; none is in both training and validation rows.
            validation: Texts and targets to choose the epoch by, instead of a share of the rows.
            checkpoints: A folder; an interrupted fit continues from there when it is called
                with the same data and settings.
            progress: Called after each step.

        Raises:
            MissingExtra: without torch and transformers.
            WeightsUnavailable: when the weights can't be loaded.
            CheckpointMismatch: when the folder belongs to another training.
            TrainingDiverged: when the loss is not a finite number.
            TypeError, ValueError: for invalid data or settings.
        """
        require_gpt2()
        rows = checked_rows(X, y)
        self._one = np.ndim(y) == 1
        learn, stop = (
            split_validation(rows, groups, self.validation_share, self.seed)
            if validation is None
            else (rows, checked_rows(*validation))
        )
        self._fit(learn, stop, checkpoints, progress)
        return self

    def _fit(
        self,
        learn: TextRows,
        stop: TextRows | None,
        folder: Path | str | None,
        progress: OnProgress | None,
    ) -> None:
        # torch takes seconds to import, so it is imported for training only.
        import torch

        from smallhours_study.paper.gpt2_network import computing_on, pick_device
        from smallhours_study.paper.gpt2_training import (
            Hyperparameters,
            TrainingLoop,
            TrainingTask,
            checkpoints_for,
        )

        self.mean_ = learn.y.mean(axis=0)
        spread = learn.y.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.device_ = pick_device(self.device)
        hyperparameters = Hyperparameters(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            warmup_share=self.warmup_share,
            weight_decay=self.weight_decay,
            seed=self.seed,
        )
        with computing_on(self.device_, self.threads), torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self._build(learn)
            texts = self._read(learn.texts)
            task = TrainingTask(
                FINE_TUNING,
                [len(text) for text in texts],
                self._loss_over(texts, learn.y),
                None if stop is None else self._score_over(stop),
            )
            # With other threads it is the same training.
            settings = {"format": 2, **self.get_params(), "threads": None}
            end = TrainingLoop(
                self.network_,
                task,
                hyperparameters,
                checkpoints=checkpoints_for(folder, fingerprint(settings, learn, stop)),
                progress=progress,
            ).run()
        self.history_ = end.history
        self.best_epoch_ = end.best_epoch

    def _build(self, learn: TextRows) -> None:
        """Build the network and its vocabulary."""
        from smallhours_study.paper.gpt2_network import (
            GPT2WithHead,
            load_backbone,
            new_backbone,
        )

        if self.weights is None:
            self.vocabulary_ = TokenVocabulary.of(learn.texts)
            backbone = new_backbone(self.config, len(self.vocabulary_), self.block_size)
        elif self.config is not None:
            raise ValueError("weights bring their own config: give one of the two")
        else:
            backbone, self.vocabulary_ = load_backbone(str(self.weights))
        if not 1 <= self.block_size <= backbone.config.n_positions:
            raise ValueError(
                f"block_size must be 1 to the {backbone.config.n_positions} tokens that the "
                f"network reads, not {self.block_size}"
            )
        self.network_ = GPT2WithHead(backbone, learn.y.shape[1]).to(self.device_)

    def _loss_over(self, texts: Sequence[Ids], targets: Floats) -> Any:
        """Return a function for the mean squared error of some training rows, as a tensor."""
        import torch
        from torch.nn import functional

        from smallhours_study.paper.gpt2_network import batch_of

        y = torch.tensor((targets - self.mean_) / self.scale_, dtype=torch.float32)

        def loss(batch: Sequence[int]) -> Any:
            ids, lengths = batch_of([texts[at] for at in batch], self.device_)
            return functional.mse_loss(self.network_(ids, lengths), y[batch].to(self.device_))

        return loss

    def _score_over(self, stop: TextRows) -> Any:
        """Return a function for the mean squared error of all validation rows, as a number."""
        texts = self._read(stop.texts)
        y = (stop.y - self.mean_) / self.scale_
        return lambda: float(np.mean((self._outputs(texts) - y) ** 2))

    def _read(self, texts: Sequence[str]) -> list[Ids]:
        return self.vocabulary_.read_all(texts, limit=self.block_size)

    def _outputs(self, texts: Sequence[Ids]) -> Floats:
        """Predict (texts, targets) in standard deviations, texts of similar length together."""
        import torch

        from smallhours_study.paper.gpt2_network import batch_of
        from smallhours_study.paper.gpt2_training import in_batches

        found = np.empty((len(texts), len(self.mean_)))
        by_length = np.argsort([len(text) for text in texts], kind="stable")
        with torch.no_grad():
            for rows in in_batches(by_length.tolist(), _PREDICT_BATCH_SIZE):
                ids, lengths = batch_of([texts[at] for at in rows], self.device_)
                found[rows] = self.network_(ids, lengths).cpu().numpy()
        return found

    def predict(self, X: Sequence[str]) -> Floats:  # noqa: N803
        """Predict (n,) or (n, targets), as y was.

        Raises:
            TypeError: when a row is not a text.
        """
        check_is_fitted(self)
        from smallhours_study.paper.gpt2_network import computing_on

        self.network_.eval()
        with computing_on(self.device_, self.threads):
            found = self._outputs(self._read(text_rows(X))) * self.scale_ + self.mean_
        return np.asarray(found[:, 0] if self._one else found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
