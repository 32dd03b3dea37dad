"""Tests of boosted trees as bytes."""

import zlib

import numpy as np
import xgboost

from smallhours.training.regression.saved_trees import dump_trees, load_trees


def test_saved_trees_predict_the_same_in_fewer_bytes() -> None:
    rng = np.random.default_rng(5)
    rows, y = rng.random((2_000, 8)), rng.random((2_000, 2))
    columns = xgboost.DMatrix(rows)
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, label=y), num_boost_round=20)

    saved = dump_trees(booster)

    assert np.array_equal(load_trees(saved).predict(columns), booster.predict(columns))
    everything = np.frombuffer(bytes(booster.save_raw("ubj")), dtype=np.uint8)
    assert np.array_equal(load_trees(everything).predict(columns), booster.predict(columns))
    assert zipped(saved) < 0.45 * zipped(everything)


def zipped(data: np.ndarray) -> int:
    """Return the number of bytes that are left by the compression of saved models."""
    return len(zlib.compress(data.tobytes()))
