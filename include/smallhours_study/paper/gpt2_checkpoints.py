"""Checkpoints of a GPT-2 training, from which an interrupted one continues.

One safetensors file holds the network, the optimiser and, in its header, the position; it is
replaced as a whole. No pickle. A second file holds the best network so far. A folder belongs to
one training: the same data, settings and seed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from smallhours.errors import SmallhoursError

_LAST = "last.safetensors"
_BEST = "best.safetensors"


class CheckpointMismatch(SmallhoursError):
    """The error for a checkpoint of a training with other data or settings."""


@dataclass
class Position:
    """The progress of a training.

    Attributes:
        step: Number of steps taken.
        loss_sum: Summed loss of the running epoch's steps.
        history: A row per finished epoch: its mean training loss, and its validation loss or None.
        best_epoch: From 1; 0 before the first.
        done: True when the training is finished.
    """

    step: int = 0
    loss_sum: float = 0.0
    history: list[tuple[float, float | None]] = field(default_factory=list)
    best_epoch: int = 0
    done: bool = False


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: Folder of the files; created when missing.
        training: A fingerprint of the data, the settings and the seed.
        every: Steps between two checkpoints; one is also written after each epoch.
    """

    folder: Path
    training: str
    every: int = 500

    def resume(self, network: Any, optimiser: Any) -> Position | None:
        """Restore network and optimiser; return None when there is no checkpoint.

        Raises:
            CheckpointMismatch: when the folder belongs to another training.
        """
        path = self.folder / _LAST
        if not path.is_file():
            return None
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
        if header["training"] != self.training:
            raise CheckpointMismatch(
                f"The checkpoint in {self.folder} is of another training: other data, settings "
                "or seed.",
                remedy="Name another folder, or remove this one to start over.",
            )
        tensors = load_file(path)
        network.load_state_dict(_below("network", tensors))
        _restore(optimiser, tensors)
        position = json.loads(header["position"])
        position["history"] = [tuple(epoch) for epoch in position["history"]]
        return Position(**position)

    def save(self, network: Any, optimiser: Any, position: Position) -> None:
        """Replace the checkpoint."""
        tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
        for at, parameter in enumerate(_parameters(optimiser)):
            for name, value in optimiser.state[parameter].items():
                tensors[f"optimiser.{at}.{name}"] = value
        header = {"training": self.training, "position": json.dumps(asdict(position))}
        self._write(_LAST, tensors, header)

    def save_best(self, network: Any) -> None:
        """Save the network as the best one so far."""
        self._write(_BEST, dict(network.state_dict()), {"training": self.training})

    def best(self) -> dict[str, Any]:
        """Return the best network's weights by name."""
        return dict(load_file(self.folder / _BEST))

    def _write(self, name: str, tensors: Mapping[str, Any], header: dict[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f"{name}.part"
        whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        save_file(whole, unfinished, metadata=header)
        unfinished.replace(self.folder / name)


def _parameters(optimiser: Any) -> list[Any]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _restore(optimiser: Any, tensors: Mapping[str, Any]) -> None:
    for at, parameter in enumerate(_parameters(optimiser)):
        kept = _below(f"optimiser.{at}", tensors)
        # AdamW keeps its count of steps on the CPU, whatever it trains on.
        optimiser.state[parameter] = {
            name: value if name == "step" else value.to(parameter.device)
            for name, value in kept.items()
        }


def _below(prefix: str, tensors: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(f"{prefix}."): value
        for name, value in tensors.items()
        if name.startswith(f"{prefix}.")
    }
