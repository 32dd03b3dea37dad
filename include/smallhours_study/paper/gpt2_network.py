"""The network: GPT-2's transformer with a linear head on its last token, an output per target.

Needs torch and transformers, so it is imported only after the check that they are installed.

A text is padded on its right. GPT-2 only ever looks to the left, so no token sees the padding and
no mask is needed (Radford et al. 2019); the prediction is read at the text's own last token, as
the sequence classifiers of transformers do.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import GPT2Config, GPT2Model
from transformers.utils import logging as transformers_logging

from smallhours.errors import SmallhoursError
from smallhours_study.paper.gpt2_data import Ids, TokenVocabulary

# Default config of a new network: it has a hundredth of GPT-2's 124 million weights.
SMALL: Mapping[str, Any] = {"n_layer": 2, "n_head": 4, "n_embd": 128}
_VOCABULARY_FILE = "vocabulary.json"
_HEAD_SCALE = 0.02  # GPT-2's own for new weights


class WeightsUnavailable(SmallhoursError):
    """The error for weights that are missing or do not fit."""


class GPT2WithHead(nn.Module):  # type: ignore[misc]  # torch is not looked into, see pyproject.toml
    """GPT-2 and a linear layer with a row per target."""

    def __init__(self, backbone: Any, targets: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.config.n_embd, targets)
        nn.init.normal_(self.head.weight, std=_HEAD_SCALE)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Any, lengths: Any) -> Any:
        """Predict (texts, targets) from ids (texts, longest) and lengths (texts,)."""
        hidden = self.backbone(ids, use_cache=False).last_hidden_state
        last = hidden[torch.arange(len(ids), device=ids.device), lengths - 1]
        return self.head(last)

    def next_token_loss(self, ids: Any, lengths: Any) -> Any:
        """Return the mean cross-entropy of each token given those before it, in nats."""
        hidden = self.backbone(ids, use_cache=False).last_hidden_state[:, :-1]
        real = torch.arange(1, ids.shape[1], device=ids.device) < lengths[:, None]
        logits = hidden[real] @ self.backbone.wte.weight.T
        return functional.cross_entropy(logits, ids[:, 1:][real])


def pick_device(device: str | None) -> str:
    """Return the given device, or else a GPU if there is one, or else the CPU."""
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def computing_on(device: str, threads: int | None) -> Iterator[None]:
    """Compute with so many threads, and on a GPU with TF32; torch's own settings come back.

    TF32 rounds the factors of a product of matrices to 10 bits and sums in float32; a training
    does not notice, and a step of GPT-2's size takes half the time.

    Args:
        device: `cpu`, `cuda`, …
        threads: Threads on the CPU; None leaves them to torch.
    """
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    if threads:
        torch.set_num_threads(threads)
    if torch.device(device).type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])


def reset_device_memory(device: str) -> None:
    """Let `describe_device` count a GPU's memory from now on."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def describe_device(device: str, threads: int | None) -> str:
    """Return the device in words, with the threads used or the largest memory of a GPU."""
    if torch.device(device).type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**20
        return f"on {torch.cuda.get_device_name(device)}, {peak:,.0f} MB of its memory at most"
    count = threads or torch.get_num_threads()
    return f"on the CPU, {count} thread{'s' if count > 1 else ''}"


def new_backbone(config: Mapping[str, Any] | None, vocabulary: int, block_size: int) -> Any:
    """Return a GPT-2 with random weights, drawn from torch's current seed.

    Args:
        config: Fields of transformers' `GPT2Config`; `SMALL` when None.
        vocabulary: Rows of its embedding.
        block_size: Maximum number of tokens that it reads.
    """
    fields = {"n_positions": block_size, **(SMALL if config is None else config)}
    ends = {"bos_token_id": vocabulary - 1, "eos_token_id": vocabulary - 1}
    return GPT2Model(GPT2Config(vocab_size=vocabulary, **ends, **fields))


def load_backbone(weights: str) -> tuple[Any, TokenVocabulary]:
    """Load a GPT-2 from a local folder or from the hub, and the tokens that it knows.

    Raises:
        WeightsUnavailable: when they are missing, or belong to a model with other tokens.
    """
    local = Path(weights).is_dir()
    try:
        with _quietly():
            backbone = GPT2Model.from_pretrained(weights, local_files_only=local)
    except (OSError, ValueError) as error:
        raise WeightsUnavailable(
            f"GPT-2's weights could not be read from {weights} ({type(error).__name__}).",
            remedy="Give a folder with config.json and model.safetensors, go online for a name "
            "of the hub, or start from nothing: weights=None with a config.",
        ) from error
    tokens = Path(weights) / _VOCABULARY_FILE
    known = TokenVocabulary.whole()
    if local and tokens.is_file():
        known = TokenVocabulary(tuple(json.loads(tokens.read_text(encoding="utf-8"))))
    if backbone.config.vocab_size != len(known):
        raise WeightsUnavailable(
            f"The weights at {weights} know {backbone.config.vocab_size} tokens, not {len(known)}.",
            remedy="Give weights of GPT-2's own size of vocabulary, or a folder made by "
            "pretraining on tags.",
        )
    return backbone, known


def save_backbone(backbone: Any, vocabulary: TokenVocabulary, folder: Path) -> None:
    """Write the files that `load_backbone` reads."""
    with _quietly():
        backbone.save_pretrained(folder)
    tokens = json.dumps(vocabulary.tokens)
    (folder / _VOCABULARY_FILE).write_text(tokens, encoding="utf-8")


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence progress bars and notes of transformers, about parts that are not used here."""
    noise, bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(noise)
        if bars:
            transformers_logging.enable_progress_bar()


def batch_of(texts: Sequence[Ids], device: str) -> tuple[Any, Any]:
    """Return ids (texts, longest), padded with 0 on the right, and lengths (texts,)."""
    lengths = torch.tensor([len(text) for text in texts])
    ids = torch.zeros(len(texts), int(lengths.max()), dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.from_numpy(text)
    return ids.to(device), lengths.to(device)
