"""The progress of a training, as a value."""

from collections.abc import Callable
from dataclasses import dataclass

PRETRAINING = "pretraining"
FINE_TUNING = "fine-tuning"


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training after a step.

    Attributes:
        stage: `pretraining` or `fine-tuning`.
        epoch: From 1.
        epochs: Number of epochs.
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
