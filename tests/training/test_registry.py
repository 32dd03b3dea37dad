import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from smallhours.errors import LakeUnwritable
from smallhours.lake.files import Disk, LocalFiles, open_files
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import Registry, UnreadableModel


def a_card(night: str = "2026-11-21") -> ModelCard:
    return ModelCard(
        name="first_seed",
        owner="ada",
        night=night,
        purpose="P(like).",
        limits="anything else.",
        features=["tags"],
        data={"likes": 30},
        settings={"C": 0.1},
        seeds={"split": 42},
        metrics={"f1": 0.99},
    )


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(open_files(str(tmp_path)))


def test_before_the_first_save_there_is_none(registry: Registry) -> None:
    assert registry.current("ada", "first_seed") is None


def test_what_was_saved_is_current_and_reads_back(registry: Registry) -> None:
    saved = registry.save(a_card(), {"model": b"weights"})
    current = registry.current("ada", "first_seed")
    assert current is not None
    assert current.read("model") == b"weights"
    assert current.version == saved.version
    assert current.version.startswith("2026-11-21-")
    assert current.card.metrics == {"f1": 0.99}


def test_listeners_do_not_see_each_others_models(registry: Registry) -> None:
    registry.save(a_card(), {"model": b"weights"})
    assert registry.current("ben", "first_seed") is None


def test_an_unchanged_model_keeps_its_version(registry: Registry) -> None:
    first = registry.save(a_card(), {"model": b"same"})
    second = registry.save(a_card("2026-11-22"), {"model": b"same"})
    assert second.version == first.version
    assert registry.versions("ada", "first_seed") == [first.version]


def test_a_model_may_be_kept_without_being_used(registry: Registry) -> None:
    used = registry.save(a_card(), {"model": b"good"})
    kept = registry.save(a_card("2026-11-22"), {"model": b"worse"}, use=False)
    current = registry.current("ada", "first_seed")
    assert current is not None
    assert current.version == used.version
    assert registry.open("ada", "first_seed", kept.version).read("model") == b"worse"


def test_a_model_can_be_put_out_of_use(registry: Registry) -> None:
    registry.retire("ada", "first_seed")
    saved = registry.save(a_card(), {"model": b"weights"})
    registry.retire("ada", "first_seed")
    assert registry.current("ada", "first_seed") is None
    assert registry.versions("ada", "first_seed") == [saved.version]


def test_old_versions_go_but_never_the_one_in_use(registry: Registry) -> None:
    used = registry.save(a_card("2026-11-01"), {"model": b"best"})
    later = [
        registry.save(a_card(f"2026-11-0{night}"), {"model": bytes([night])}, use=False).version
        for night in range(2, 7)
    ]
    assert registry.remove_old_versions("ada", "first_seed", keep=2) == 3
    assert registry.versions("ada", "first_seed") == [used.version, *later[-2:]]
    current = registry.current("ada", "first_seed")
    assert current is not None
    assert current.read("model") == b"best"


class FailsAt(Disk):
    """A disk that is full when it comes to the n-th file."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def write(self, path: Path, data: bytes) -> None:
        if self.left == 0:
            raise OSError(28, "No space left on device")
        self.left -= 1
        super().write(path, data)


@pytest.mark.parametrize("written", range(4))
def test_a_save_that_fails_at_any_file_leaves_the_old_model_in_use(
    tmp_path: Path, written: int
) -> None:
    registry = Registry(open_files(str(tmp_path)))
    registry.save(a_card(), {"model": b"old"})
    failing = Registry(LocalFiles(tmp_path, disk=FailsAt(written)))
    # Four files: the model, the two cards, the pointer.
    with pytest.raises(LakeUnwritable):
        failing.save(a_card("2026-11-22"), {"model": b"new"})
    current = registry.current("ada", "first_seed")
    assert current is not None
    assert current.read("model") == b"old"


def test_a_truncated_file_is_refused_with_a_remedy(tmp_path: Path, registry: Registry) -> None:
    saved = registry.save(a_card(), {"model": b"weights"})
    (tmp_path / saved.folder / "model").write_bytes(b"weig")
    with pytest.raises(UnreadableModel, match=r"damaged.*trigger the DAG train_models"):
        saved.read("model")


def test_a_missing_file_is_refused(tmp_path: Path, registry: Registry) -> None:
    saved = registry.save(a_card(), {"model": b"weights"})
    (tmp_path / saved.folder / "model").unlink()
    with pytest.raises(UnreadableModel, match="missing"):
        saved.read("model")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version"', b'{"version": 5}', b"\xff"])
def test_a_damaged_pointer_is_refused(tmp_path: Path, registry: Registry, content: bytes) -> None:
    registry.save(a_card(), {"model": b"weights"})
    (tmp_path / "models/ada/first_seed/current.json").write_bytes(content)
    with pytest.raises(UnreadableModel, match="does not name a version"):
        registry.current("ada", "first_seed")


@pytest.mark.parametrize("name", ["current.json", "card.json", "model"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"null", b'"text"', b"\x00\xff"])
def test_what_is_damaged_counts_as_none_and_is_replaced(
    tmp_path: Path,
    registry: Registry,
    caplog: pytest.LogCaptureFixture,
    name: str,
    content: bytes | None,
) -> None:
    saved = registry.save(a_card(), {"model": b"weights"})
    (file,) = tmp_path.glob(f"models/ada/first_seed/**/{name}")
    whole = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)

    assert registry.load("ada", "first_seed", lambda saved: saved.read("model")) is None
    assert ("counts as no model" in caplog.text) == ((name, content) != ("current.json", None))
    assert registry.remove_old_versions("ada", "first_seed", keep=1) == 0

    registry.save(a_card(), {"model": b"weights"})
    assert file.read_bytes() == whole
    assert registry.load("ada", "first_seed", lambda saved: saved.version) == saved.version


@pytest.mark.parametrize("field", sorted(json.loads(a_card().to_json())))
@pytest.mark.parametrize("value", [None, 5, "text", ["text"], {"name": ["text"]}, {"name": None}])
def test_a_card_with_one_odd_field_is_a_card_or_damaged(field: str, value: object) -> None:
    stored = json.loads(a_card().to_json()) | {field: value}
    try:
        card = ModelCard.from_json(json.dumps(stored).encode())
    except ValueError:
        return
    assert card.to_markdown()
    assert ModelCard.from_json(card.to_json()) == card


def test_the_same_model_and_night_give_the_same_bytes(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        Registry(open_files(str(tmp_path / name))).save(a_card(), {"model": b"weights"})
        models = tmp_path / name / "models"
        trees.append({p.relative_to(models): p.read_bytes() for p in models.rglob("*.*")})
    assert trees[0] == trees[1]


def test_an_object_store_will_do() -> None:
    registry = Registry(open_files(f"memory://{uuid.uuid4()}"))
    registry.save(a_card(), {"model": b"weights"})
    current = registry.current("ada", "first_seed")
    assert current is not None
    assert current.read("model") == b"weights"


def test_the_card_says_what_a_person_needs_to_know(tmp_path: Path, registry: Registry) -> None:
    saved = registry.save(a_card(), {"model": b"weights"})
    text = (tmp_path / saved.folder / "card.md").read_text()
    for needed in (
        saved.version,
        "for ada",
        "Not for**: anything else.",
        "| likes | 30 |",
        "| f1 | 0.99 |",
        "| split | 42 |",
        "scikit-learn",
    ):
        assert needed in text
    stored = json.loads((tmp_path / saved.folder / "card.json").read_text())
    assert stored["packages"].keys() >= {"python", "numpy", "scikit-learn", "xgboost-cpu"}


@pytest.mark.slow(seconds=10)
def test_loading_it_in_a_task_fills_no_log_with_warnings() -> None:
    program = (
        "import warnings, airflow.sdk, airflow.utils.timezone\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    import smallhours.training.registry\n"
        "print(len(told))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "0"
