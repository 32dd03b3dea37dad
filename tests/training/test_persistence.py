import hashlib
import subprocess
import sys
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import smallhours
from smallhours.training.first_seed import FirstSeedClassifier
from smallhours.training.registry import MOVED_MODULES, UnreadableModel, dump_model, load_model
from smallhours.training.regression import LinearTagRegressor, TagFeatureRegressor
from smallhours.training.regression.bayesian_ridge import SparseBayesianRidge
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.top_tags import TopTags

ROWS = ["pop,file", "pop,__id__", "metal", "doom,metal"]
IN_ANOTHER_PROCESS = f"""
import hashlib
from smallhours.training.first_seed import FirstSeedClassifier
from smallhours.training.registry import dump_model
model = FirstSeedClassifier(10).fit({ROWS!r}, [1, 1, 0, 0])
print(hashlib.sha256(dump_model(model)).hexdigest())
"""


def schema_of(model: object) -> str:
    with zipfile.ZipFile(BytesIO(dump_model(model))) as saved:
        return saved.read("schema.json").decode()


def a_model() -> FirstSeedClassifier:
    return FirstSeedClassifier(10).fit(ROWS, [1, 1, 0, 0])


def test_a_model_comes_back_as_it_was() -> None:
    model = a_model()
    again = load_model(dump_model(model), where="here")
    assert np.array_equal(again.predict_proba(ROWS), model.predict_proba(ROWS))
    assert again.weight_of("file") == model.weight_of("file") > 0


@pytest.mark.parametrize(("before", "now"), MOVED_MODULES.items())
def test_a_model_from_before_a_type_moved_is_read(before: str, now: str) -> None:
    rows, likes = [[100, 0], [80, 0], [0, 100], [0, 60]], [1, 1, 0, 0]
    fitted: list[Any] = [
        TasteClassifier(track_columns=2).fit(rows, likes),
        SparseBayesianRidge().fit(rows, likes),
        LinearTagRegressor(2).fit(rows, likes),
        TagFeatureRegressor(2, landmarks=2, trees=1, epochs=1, networks=1).fit(rows, likes),
        TopTags().fit(rows),
    ]
    model = next(each for each in fitted if now in schema_of(each))
    old = BytesIO()
    with zipfile.ZipFile(BytesIO(dump_model(model))) as saved, zipfile.ZipFile(old, "w") as kept:
        for name in saved.namelist():
            content = saved.read(name).replace(f'"{now}"'.encode(), f'"{before}"'.encode())
            kept.writestr(name, content)
    assert skops.io.get_untrusted_types(data=old.getvalue())

    again = load_model(old.getvalue(), where="here")

    assert type(again) is type(model)
    assert dump_model(again) == dump_model(model)
    if not isinstance(model, TopTags):
        assert np.array_equal(again.predict(rows), model.predict(rows))


def test_the_same_model_gives_the_same_bytes_in_any_process() -> None:
    model = a_model()
    model.predict(ROWS)
    there = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(smallhours.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert hashlib.sha256(dump_model(model)).hexdigest() == there


def test_what_several_models_have_in_common_is_stored_once() -> None:
    both = dump_model([a_model(), a_model()])
    with (
        zipfile.ZipFile(BytesIO(both)) as several,
        zipfile.ZipFile(BytesIO(dump_model([a_model()]))) as one,
    ):
        assert len(several.namelist()) == len(one.namelist())
    first, second = load_model(both, where="here")
    assert np.array_equal(first.predict_proba(ROWS), second.predict_proba(ROWS))


def test_a_type_that_smallhours_never_saves_is_refused_and_named() -> None:
    stranger = LogisticRegression()
    stranger.extra_ = Counter("abc")
    with pytest.raises(UnreadableModel, match=r"collections\.Counter"):
        load_model(skops.io.dumps(stranger), where="models/ada/x")


def test_a_file_that_is_no_model_is_refused_with_its_place() -> None:
    with pytest.raises(UnreadableModel, match=r"models/ada/x.*damaged"):
        load_model(b"not a zip", where="models/ada/x")


def test_a_pickle_is_never_loaded() -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("model.pkl", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UnreadableModel, match="damaged"):
        load_model(archive.getvalue(), where="models/ada/x")
