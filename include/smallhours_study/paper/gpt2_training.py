"""The training loop: batches, learning rate schedule, choice of an epoch, and checkpoints.

AdamW with a learning rate that rises during the warm-up and then falls to 0, linearly (as in the
authors' code) or along a cosine; gradients are clipped to length 1. After the last epoch the
weights of the one with the lowest validation loss are kept. No epoch is left out: most is learned
while the rate falls, and a training that stops before it has fallen never gets there.

The order of an epoch and the dropout of a step depend on the seed and their number alone. So a
training that was interrupted continues exactly as it would have.

The Trainer of transformers is not used. It keeps the states of the optimiser and of the random
generators as pickles, needs the package accelerate besides, and skips over the batches of a begun
epoch to resume; that it continues as exactly was not shown.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from smallhours.errors import SmallhoursError
from smallhours_study.paper.gpt2_checkpoints import Checkpoints, Position
from smallhours_study.paper.gpt2_progress import OnProgress, TrainingProgress

T = TypeVar("T")

LINEAR = "linear"
COSINE = "cosine"
SCHEDULES = (LINEAR, COSINE)
_MAX_GRADIENT_NORM = 1.0
_ORDER, _DROPOUT = 0, 1
# Texts are sorted by length within so many batches: all at once would give every epoch the same.
_SORTED_BATCHES = 50


class TrainingDiverged(SmallhoursError):
    """The error for a loss that is not a finite number."""


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters of a training; see `GPT2Regressor` for their meaning."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    warmup_share: float
    weight_decay: float
    seed: int

    def check(self) -> None:
        """Raise ValueError for invalid values."""
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be linear or cosine, not {self.schedule!r}")
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        if not 0 <= self.warmup_share < 1:
            raise ValueError(f"warmup_share must be in [0, 1), not {self.warmup_share}")

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step (from 0) of `steps`."""
        warmup = round(self.warmup_share * steps)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        gone = (step - warmup) / max(1, steps - warmup)
        left = 1 - gone if self.schedule == LINEAR else (1 + math.cos(math.pi * gone)) / 2
        return self.learning_rate * left

    def batches_of(self, epoch: int, lengths: Sequence[int]) -> list[list[int]]:
        """Return the row numbers of each batch of an epoch, rows of like length together.

        A batch is padded to its longest text: of batches drawn at random, most would be padding.
        """
        rng = np.random.default_rng([self.seed, _ORDER, epoch])
        shuffled = rng.permutation(len(lengths)).tolist()
        pool = _SORTED_BATCHES * self.batch_size
        batches = []
        for start in range(0, len(shuffled), pool):
            ordered = sorted(shuffled[start : start + pool], key=lambda row: lengths[row])
            batches += in_batches(ordered, self.batch_size)
        return [batches[at] for at in rng.permutation(len(batches))]


def in_batches(rows: Sequence[T], size: int) -> list[list[T]]:
    """Return the rows in batches, in their order; the last one may be smaller."""
    return [list(rows[at : at + size]) for at in range(0, len(rows), size)]


@dataclass(frozen=True)
class TrainingTask:
    """The data and losses of a training.

    Attributes:
        stage: Name of the training, for the progress.
        lengths: (rows,) the number of tokens of each training row.
        loss: Returns the mean loss of some rows, as a tensor to minimise.
        validation: Returns the mean loss of the validation rows; None without any.
    """

    stage: str
    lengths: Sequence[int]
    loss: Callable[[Sequence[int]], Any]
    validation: Callable[[], float] | None


class TrainingLoop:
    """One training of one network; `run` leaves the best epoch's weights in it."""

    def __init__(
        self,
        network: Any,
        task: TrainingTask,
        hyperparameters: Hyperparameters,
        *,
        checkpoints: Checkpoints | None = None,
        progress: OnProgress | None = None,
    ) -> None:
        hyperparameters.check()
        self._network = network
        self._task = task
        self._course = hyperparameters
        self._checkpoints = checkpoints
        self._progress = progress
        self._steps = math.ceil(len(task.lengths) / hyperparameters.batch_size)
        self._optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=hyperparameters.learning_rate,
            weight_decay=hyperparameters.weight_decay,
        )
        self._best: dict[str, Any] = {}

    def run(self) -> Position:
        """Train from the start or from the checkpoint.

        Raises:
            TrainingDiverged: when the loss is not a finite number.
        """
        position = self._resume()
        while not position.done:
            self._epoch(position)
        self._network.load_state_dict(self._best)
        self._network.eval()
        return position

    def _resume(self) -> Position:
        if self._checkpoints is None:
            return Position()
        position = self._checkpoints.resume(self._network, self._optimiser)
        if position is None:
            return Position()
        if position.best_epoch:
            self._best = self._checkpoints.best()
        return position

    def _epoch(self, position: Position) -> None:
        epoch, done = divmod(position.step, self._steps)
        batches = self._course.batches_of(epoch, self._task.lengths)
        for batch in batches[done:]:
            position.loss_sum += self._step(batch, position.step)
            position.step += 1
            if position.step % self._steps:
                self._report(position, epoch)
                if self._checkpoints and position.step % self._checkpoints.every == 0:
                    self._checkpoints.save(self._network, self._optimiser, position)
        self._judge(position, epoch)

    def _step(self, batch: Sequence[int], step: int) -> float:
        rng = np.random.default_rng([self._course.seed, _DROPOUT, step])
        torch.manual_seed(int(rng.integers(2**62)))
        rate = self._course.rate(step, self._steps * self._course.epochs)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._network.train()
        self._optimiser.zero_grad(set_to_none=True)
        loss = self._task.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), _MAX_GRADIENT_NORM)
        self._optimiser.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"The training's loss became {value} at step {step + 1}.",
                remedy="Train with a smaller learning_rate.",
            )
        return value

    def _judge(self, position: Position, epoch: int) -> None:
        """End an epoch: validate, and keep the best weights."""
        validation = self._validate()
        position.history.append((position.loss_sum / self._steps, validation))
        if self._is_best(position.history):
            position.best_epoch = epoch + 1
            # Copied to the CPU: the GPU's memory may hold a single network only.
            self._best = {
                name: copy.deepcopy(value.detach().cpu())
                for name, value in self._network.state_dict().items()
            }
            if self._checkpoints:
                self._checkpoints.save_best(self._network)
        position.done = epoch + 1 >= self._course.epochs
        position.loss_sum = 0.0
        if self._checkpoints:
            self._checkpoints.save(self._network, self._optimiser, position)
        self._report(position, epoch)

    def _validate(self) -> float | None:
        if self._task.validation is None:
            return None
        self._network.eval()
        with torch.no_grad():
            return self._task.validation()

    def _is_best(self, history: Sequence[tuple[float, float | None]]) -> bool:
        """Return True if the last epoch is better than all before, or without validation."""
        scores = [validation for _, validation in history if validation is not None]
        return not scores or scores.index(min(scores)) == len(scores) - 1

    def _report(self, position: Position, epoch: int) -> None:
        if self._progress is None:
            return
        finished = len(position.history) > epoch
        step = self._steps if finished else position.step % self._steps
        loss = position.history[epoch][0] if finished else position.loss_sum / step
        self._progress(
            TrainingProgress(
                stage=self._task.stage,
                epoch=epoch + 1,
                epochs=self._course.epochs,
                step=step,
                steps=self._steps,
                loss=loss,
                validation=position.history[epoch][1] if finished else None,
            )
        )


def checkpoints_for(folder: Path | str | None, training: str) -> Checkpoints | None:
    """Return the checkpoints of a training, or None without a folder."""
    return None if folder is None else Checkpoints(Path(folder), training)
