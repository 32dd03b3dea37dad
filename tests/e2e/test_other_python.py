"""A lake that another Python wrote is read, and its models are used.

`lake_python_313.tar.gz` was written by Python 3.13.0 with the versions that requirements.txt has
for it (NumPy 2.5.5, SciPy 1.18.1, XGBoost 3.4.1; Python 3.11 has others), over the world of
`tests/sandbox_fixtures.py`: `smallhours night --night 2026-11-02` for the listener `ada`, with 250
tracks of a features file, and then `smallhours train-audio-features --night 2026-11-03` with
`training.audio_model = "boosted"`. Locks and call counts are left out.
"""

import logging
import tarfile
from pathlib import Path

import pytest

from smallhours import playlist, training
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import TABLES
from smallhours.run_context import RunContext
from smallhours.settings import Settings, load_settings
from smallhours.training.audio import NAME as AUDIO
from smallhours.training.audio.model import AudioPredictor
from smallhours.training.registry import SHARED, Registry
from smallhours.training.taste.model import TasteModel, load_taste
from tests.e2e.test_nights import SandboxSecrets

pytestmark = pytest.mark.slow(seconds=15)

ARCHIVE = Path(__file__).with_name("lake_python_313.tar.gz")
TUESDAY = "2026-11-03"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the listener, and the lake as it was written."""
    folder = tmp_path_factory.mktemp("python313")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    path = folder / "smallhours.toml"
    path.write_text(
        '[listeners.ada]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n'
        f'[lake]\nurl = "{folder / "data"}"\n'
    )
    return load_settings(path)


def test_every_model_is_read(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    lake = Lake(settings.lake.url)
    registry = Registry.of(lake)

    audio = [
        registry.load(SHARED, AUDIO, AudioPredictor.of, version=version)
        for version in registry.versions(SHARED, AUDIO)
    ]

    assert {each.model.kind for each in audio if each} == {"linear", "boosted"}
    assert isinstance(load_taste(lake, "ada"), TasteModel)
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_its_tables_are_read_and_its_models_make_the_next_list(settings: Settings) -> None:
    lake = Lake(settings.lake.url)
    assert all(len(lake.frame(TABLES[name])) for name in ("plays", "similar", "track_tags"))

    night = settings.night("ada", TUESDAY)
    with RunContext("ada", night, settings, SandboxSecrets()) as run:
        predicted = training.predict_audio_features(run)
        ranked = playlist.rank_candidates(run)

    assert predicted["tracks"] > 700
    assert ranked["model"] == "taste"
    assert ranked["chosen"] == 30
    assert len(lake.frame(RECOMMENDATIONS, where={"listener": "ada"})["night"].unique()) == 2
