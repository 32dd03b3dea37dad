"""The progress of a training, as a value and as a line on the terminal."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PRETRAINING = "pretraining"
FINE_TUNING = "fine-tuning"


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training after a step.

    Attributes:
        stage: `pretraining` or `fine-tuning`.
        epoch: From 1.
        epochs: Maximum number of epochs.
        step: Steps taken in this epoch.
        steps: Steps per epoch.
        loss: Mean loss of this epoch so far: mean squared error in standard deviations of the
            target, or nats per token when pretraining.
        validation: The same on validation rows after the epoch's last step, else None.
    """

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation: float | None = None


OnProgress = Callable[[TrainingProgress], None]


class ProgressLine:
    """A progress bar for the terminal; give it to `fit(progress=...)`.

    >>> from smallhours_study.paper.gpt2_regressor import GPT2Regressor
    >>> with ProgressLine() as line:  # doctest: +SKIP
    ...     GPT2Regressor().fit(texts, y, progress=line)
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]} · validation {task.fields[validation]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._line = self._bar.add_task("GPT-2", total=None, loss="–", validation="–")

    def __call__(self, now: TrainingProgress) -> None:
        """Update the bar."""
        self._bar.update(
            self._line,
            description=f"{now.stage}, epoch {now.epoch} of at most {now.epochs}",
            total=now.epochs * now.steps,
            completed=(now.epoch - 1) * now.steps + now.step,
            loss=f"{now.loss:.4f}",
        )
        if now.validation is not None:
            self._bar.update(self._line, validation=f"{now.validation:.4f}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
