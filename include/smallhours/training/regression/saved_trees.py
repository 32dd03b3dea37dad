"""Boosted trees as bytes that any format for arrays can keep."""

import json
import lzma

import numpy as np
import numpy.typing as npt
import xgboost

# Figures of a tree's nodes from its training, which are half of its bytes and predict nothing: the
# values of leaves are among the split conditions.
_OF_TRAINING = ("base_weights", "loss_changes", "sum_hessian")
_XZ = b"\xfd7zXZ"


def dump_trees(booster: xgboost.Booster) -> npt.NDArray[np.uint8]:
    """Return a booster with what it needs to predict, as compressed UBJSON, (bytes,) uint8."""
    model = json.loads(booster.save_raw("json"))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        tree |= {name: [0.0] * len(tree[name]) for name in _OF_TRAINING}
    smaller = xgboost.Booster(model_file=bytearray(json.dumps(model).encode()))
    return np.frombuffer(lzma.compress(bytes(smaller.save_raw("ubj"))), dtype=np.uint8)


def load_trees(trees: npt.NDArray[np.uint8]) -> xgboost.Booster:
    """Return the booster; it predicts on one thread."""
    booster = xgboost.Booster({"nthread": 1})
    saved = trees.tobytes()
    # Older models hold the UBJSON as it is.
    booster.load_model(bytearray(lzma.decompress(saved) if saved.startswith(_XZ) else saved))
    return booster
