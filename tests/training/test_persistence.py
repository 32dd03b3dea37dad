import hashlib
import subprocess
import sys
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import smallhours
from smallhours.training.first_seed import FirstSeedClassifier
from smallhours.training.persistence import UnreadableModel, dump_model, load_model

ROWS = ["pop,file", "pop,__id__", "metal", "doom,metal"]
IN_ANOTHER_PROCESS = f"""
import hashlib
from smallhours.training.first_seed import FirstSeedClassifier
from smallhours.training.persistence import dump_model
model = FirstSeedClassifier(10).fit({ROWS!r}, [1, 1, 0, 0])
print(hashlib.sha256(dump_model(model)).hexdigest())
"""


def a_model() -> FirstSeedClassifier:
    return FirstSeedClassifier(10).fit(ROWS, [1, 1, 0, 0])


def test_a_model_comes_back_as_it_was() -> None:
    model = a_model()
    again = load_model(dump_model(model), where="here")
    assert np.array_equal(again.predict_proba(ROWS), model.predict_proba(ROWS))
    assert again.weight_of("file") == model.weight_of("file") > 0


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
