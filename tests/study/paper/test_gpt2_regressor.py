"""A tiny GPT-2, trained for real. Without torch, every test is skipped with the reason."""

import contextlib
import doctest
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from smallhours_study.formats.bpe import VOCABULARY
from smallhours_study.paper import gpt2_regressor
from smallhours_study.paper.gpt2_pretraining import pretrain_gpt2
from smallhours_study.paper.gpt2_progress import TrainingProgress
from smallhours_study.paper.gpt2_regressor import GPT2Regressor
from tests.study.paper.tag_task import TINY, needs_gpt2, tag_texts

pytestmark = needs_gpt2


def tiny(**settings: Any) -> GPT2Regressor:
    defaults = {"config": TINY, "learning_rate": 2e-3, "epochs": 2, "device": "cpu"}
    return GPT2Regressor(weights=None, **{**defaults, **settings})


class Interrupted(Exception):
    """A simulated power failure."""


def interrupt_at(step: int) -> Any:
    seen: list[TrainingProgress] = []

    def progress(now: TrainingProgress) -> None:
        seen.append(now)
        if len(seen) == step:
            raise Interrupted

    return progress


def test_it_learns_what_the_words_are_worth() -> None:
    texts, y = tag_texts(400)
    model = tiny(epochs=12).fit(texts[:300], y[:300])
    assert model.score(texts[300:], y[300:]) > 0.8
    assert model.history_[-1][0] < model.history_[0][0] / 4


def test_it_learns_several_targets_at_once() -> None:
    texts, y = tag_texts(400)
    both = np.stack([y, 3 - 2 * y], axis=1)
    model = tiny(epochs=12).fit(texts[:300], both[:300])
    predicted = model.predict(texts[300:])
    assert predicted.shape == (100, 2)
    assert model.score(texts[300:], both[300:]) > 0.8


def test_the_same_seed_gives_the_same_model_and_another_one_another() -> None:
    texts, y = tag_texts(80)
    first, again, other = (tiny(seed=seed).fit(texts, y).predict(texts) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_fitting_leaves_torchs_own_seed_alone() -> None:
    import torch

    texts, y = tag_texts(40)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tiny(epochs=1).fit(texts, y)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("step", [3, 7])
def test_an_interrupted_fit_goes_on_as_if_nothing_had_happened(tmp_path: Path, step: int) -> None:
    """Interrupt within the first epoch of four steps (step 3) and within the second (step 7)."""
    texts, y = tag_texts(100)
    whole = tiny(epochs=3).fit(texts, y)
    with contextlib.suppress(Interrupted):
        tiny(epochs=3).fit(texts, y, checkpoints=tmp_path, progress=interrupt_at(step))
    steps: list[TrainingProgress] = []
    resumed = tiny(epochs=3).fit(texts, y, checkpoints=tmp_path, progress=steps.append)
    np.testing.assert_array_equal(resumed.predict(texts), whole.predict(texts))
    assert resumed.history_ == whole.history_
    assert len(steps) == (12 if step == 3 else 8)


def test_a_checkpoint_within_an_epoch_is_gone_on_from(tmp_path: Path) -> None:
    """Continue from a checkpoint after 500 of an epoch's 520 steps."""
    texts, y = tag_texts(520)
    long = {"batch_size": 1, "epochs": 1, "validation_share": 0}
    whole = tiny(**long).fit(texts, y)
    with contextlib.suppress(Interrupted):
        tiny(**long).fit(texts, y, checkpoints=tmp_path, progress=interrupt_at(510))
    steps: list[TrainingProgress] = []
    resumed = tiny(**long).fit(texts, y, checkpoints=tmp_path, progress=steps.append)
    assert [now.step for now in steps] == list(range(501, 521))
    np.testing.assert_array_equal(resumed.predict(texts), whole.predict(texts))
    assert resumed.history_ == whole.history_


def test_a_finished_fit_is_not_done_again(tmp_path: Path) -> None:
    texts, y = tag_texts(60)
    first = tiny().fit(texts, y, checkpoints=tmp_path)
    steps: list[TrainingProgress] = []
    again = tiny().fit(texts, y, checkpoints=tmp_path, progress=steps.append)
    assert steps == []
    np.testing.assert_array_equal(first.predict(texts), again.predict(texts))


def test_checkpoints_are_safetensors_and_nothing_else(tmp_path: Path) -> None:
    texts, y = tag_texts(60)
    tiny().fit(texts, y, checkpoints=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.safetensors",
        "last.safetensors",
    ]


def test_another_trainings_checkpoint_is_refused(tmp_path: Path) -> None:
    from smallhours_study.paper.gpt2_checkpoints import CheckpointMismatch

    texts, y = tag_texts(60)
    tiny().fit(texts, y, checkpoints=tmp_path)
    with pytest.raises(CheckpointMismatch, match="another training"):
        tiny().fit(texts, y + 1, checkpoints=tmp_path)


def test_it_trains_to_the_end_of_its_schedule_and_keeps_the_best_epoch() -> None:
    texts, y = tag_texts(60)
    others, noise = tag_texts(60, seed=9)
    noise = np.random.default_rng(0).permutation(noise)
    model = tiny(epochs=10).fit(texts, y, validation=(others, noise))
    assert len(model.history_) == 10
    assert model.best_epoch_ < 10
    scores = [float(validation or 0) for _, validation in model.history_]
    assert scores.index(min(scores)) + 1 == model.best_epoch_
    error = np.mean((model.predict(others) - noise) ** 2) / model.scale_[0] ** 2
    assert error == pytest.approx(min(scores), rel=1e-4)


def test_without_validation_it_trains_for_every_epoch() -> None:
    texts, y = tag_texts(40)
    model = tiny(epochs=3, validation_share=0).fit(texts, y)
    assert [validation for _, validation in model.history_] == [None] * 3
    assert model.best_epoch_ == 3


def test_progress_tells_each_step_and_each_epochs_validation() -> None:
    texts, y = tag_texts(50)
    steps: list[TrainingProgress] = []
    model = tiny().fit(texts, y, progress=steps.append)
    assert [(now.epoch, now.step, now.steps) for now in steps] == [
        (1, 1, 2),
        (1, 2, 2),
        (2, 1, 2),
        (2, 2, 2),
    ]
    assert [now.validation for now in steps if now.validation] == [v for _, v in model.history_]


def test_a_constant_target_is_predicted_as_it_is() -> None:
    texts, _ = tag_texts(40)
    predicted = tiny(epochs=8).fit(texts, np.full(40, 0.25)).predict(texts)
    assert predicted == pytest.approx(np.full(40, 0.25), abs=0.2)


def test_empty_and_unknown_texts_are_predicted_too() -> None:
    texts, y = tag_texts(40)
    predicted = tiny().fit([*texts, ""], [*y, 0.5]).predict(["", "日本, ✨", "rock"])
    assert np.isfinite(predicted).all()


def test_one_text_does_not_change_the_prediction_of_another() -> None:
    texts, y = tag_texts(40)
    model = tiny().fit(texts, y)
    together = model.predict(["rock", "calm, sad, piano, dream pop, pop"])
    assert model.predict(["rock"]) == pytest.approx(together[:1], abs=1e-5)


def test_only_the_first_tokens_are_read() -> None:
    texts, y = tag_texts(40)
    model = tiny(block_size=3).fit(texts, y)
    assert model.predict(["rock, metal, sad"]) == pytest.approx(
        model.predict(["rock, metal, calm"])
    )


def test_a_pretrained_network_is_what_a_fit_starts_from(tmp_path: Path) -> None:
    texts, y = tag_texts(400)
    steps: list[TrainingProgress] = []
    folder = pretrain_gpt2(
        texts, tmp_path / "tags", config=TINY, epochs=4, device="cpu", progress=steps.append
    )
    assert steps[-1].loss < steps[0].loss - 0.5
    model = GPT2Regressor(weights=folder, learning_rate=2e-3, epochs=12, device="cpu")
    model.fit(texts[:300], y[:300])
    assert model.score(texts[300:], y[300:]) > 0.8
    assert model.vocabulary_.read("rock", limit=9).max() < len(model.vocabulary_) < 50


def test_pretraining_goes_on_after_an_interruption(tmp_path: Path) -> None:
    texts, _ = tag_texts(100)
    settings: dict[str, Any] = {"config": TINY, "epochs": 2, "device": "cpu"}
    whole = pretrain_gpt2(texts, tmp_path / "whole", **settings)
    with contextlib.suppress(Interrupted):
        pretrain_gpt2(
            texts,
            tmp_path / "resumed",
            **settings,
            checkpoints=tmp_path / "checkpoints",
            progress=interrupt_at(6),
        )
    resumed = pretrain_gpt2(
        texts, tmp_path / "resumed", **settings, checkpoints=tmp_path / "checkpoints"
    )
    weights = "model.safetensors"
    assert (resumed / weights).read_bytes() == (whole / weights).read_bytes()


def test_weights_that_are_not_there_are_explained(tmp_path: Path) -> None:
    from smallhours_study.paper.gpt2_network import WeightsUnavailable

    with pytest.raises(WeightsUnavailable, match="could not be read") as error:
        GPT2Regressor(weights=tmp_path).fit(["rock", "pop"], [0.1, 0.2])
    assert "weights=None" in error.value.remedy


def lm_folder(folder: Path, vocabulary: int) -> Path:
    """Save a language model as transformers does, and as the hub's GPT-2 is stored."""
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **TINY)).save_pretrained(folder)
    return folder


def test_a_language_models_own_files_are_weights_to_start_from(tmp_path: Path) -> None:
    texts, y = tag_texts(40)
    folder = lm_folder(tmp_path, VOCABULARY)
    model = GPT2Regressor(weights=str(folder), epochs=1, device="cpu").fit(texts, y)
    assert len(model.vocabulary_) == VOCABULARY
    assert np.isfinite(model.predict(["jazz"])).all()


def test_weights_of_a_model_with_other_tokens_are_refused(tmp_path: Path) -> None:
    from smallhours_study.paper.gpt2_network import WeightsUnavailable

    with pytest.raises(WeightsUnavailable, match="know 100 tokens, not 50257"):
        GPT2Regressor(weights=lm_folder(tmp_path, 100)).fit(["rock", "pop"], [0.1, 0.2])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"schedule": "stairs"}, "linear or cosine"),
        ({"batch_size": 0}, "at least 1"),
        ({"warmup_share": 1.0}, "warmup_share"),
        ({"validation_share": 1.0}, "validation_share"),
        ({"block_size": 0}, "block_size"),
        ({"weights": "somewhere"}, "give one of the two"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(settings: dict[str, Any], said: str) -> None:
    texts, y = tag_texts(20)
    with pytest.raises(ValueError, match=said):
        clone(tiny()).set_params(**settings).fit(texts, y)


def test_a_diverging_training_says_so() -> None:
    from smallhours_study.paper.gpt2_training import TrainingDiverged

    texts, y = tag_texts(40)
    with pytest.raises(TrainingDiverged, match="smaller learning_rate"):
        tiny(learning_rate=1e30, epochs=20).fit(texts, y)


def test_the_learning_rate_rises_and_then_falls_to_nothing() -> None:
    from smallhours_study.paper.gpt2_training import Hyperparameters

    for schedule in ("linear", "cosine"):
        hyperparameters = Hyperparameters(1, 1, 1.0, schedule, 0.2, 0.0, 0)
        rates = [hyperparameters.rate(step, 100) for step in range(100)]
        assert rates.index(max(rates)) in (19, 20)
        assert rates[0] == pytest.approx(0.05)
        assert rates[-1] < 0.02
        assert rates[:20] == sorted(rates[:20])
        assert rates[20:] == sorted(rates[20:], reverse=True)


def test_it_computes_with_as_many_threads_as_it_is_given_and_leaves_torchs_own_alone() -> None:
    import torch

    texts, y = tag_texts(40)
    own, used = torch.get_num_threads(), set()
    tiny(threads=own + 1).fit(texts, y, progress=lambda _: used.add(torch.get_num_threads()))
    assert used == {own + 1}
    assert torch.get_num_threads() == own


def test_a_gpu_multiplies_with_tf32_and_a_cpu_does_not() -> None:
    import torch

    from smallhours_study.paper.gpt2_network import computing_on

    found = {}
    for device in ("cpu", "cuda"):
        with computing_on(device, None):
            found[device] = torch.get_float32_matmul_precision()
    assert found == {"cpu": "highest", "cuda": "high"}
    assert torch.get_float32_matmul_precision() == "highest"


def test_texts_of_like_length_go_together_in_another_order_each_epoch() -> None:
    from smallhours_study.paper.gpt2_training import Hyperparameters

    lengths = np.random.default_rng(0).integers(1, 200, 995).tolist()
    hyperparameters = Hyperparameters(2, 20, 1.0, "linear", 0.1, 0.0, 0)
    first, second = (hyperparameters.batches_of(epoch, lengths) for epoch in (0, 1))
    assert sorted(row for batch in first for row in batch) == list(range(995))
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in first)
    assert padded < 1.1 * sum(lengths)
    assert [min(batch) for batch in first] != sorted(min(batch) for batch in first)
    assert first != second


def test_it_can_not_predict_before_it_was_fitted() -> None:
    with pytest.raises(NotFittedError):
        tiny().predict(["rock"])


def test_a_fit_changes_no_parameter_and_can_be_cloned() -> None:
    texts, y = tag_texts(20)
    model = tiny(epochs=1)
    before = model.get_params()
    model.fit(texts, y)
    assert model.get_params() == before
    assert clone(model).get_params() == before


def test_the_example_in_the_docstring_runs() -> None:
    results = doctest.testmod(gpt2_regressor)
    assert results.attempted > 0
    assert results.failed == 0


def test_importing_the_class_loads_no_torch() -> None:
    code = (
        "import sys; import smallhours_study.paper.gpt2_regressor; "
        "import smallhours_study.paper.gpt2_pretraining; "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
