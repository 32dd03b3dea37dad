"""Comparison of our ranking figures with those of the library ranx."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from smallhours.training.evaluation.metrics import hit_at, ndcg_at, recall_at

# In a process of its own, in which numba leaves the functions as they are written: to compile them
# takes a hundred times as long as to run them.
SCRIPT = """
import json, sys
from ranx import Qrels, Run, evaluate
given = json.load(sys.stdin)
names = ["recall@5", "ndcg@5", "hit_rate@5", "recall@20", "ndcg@20", "hit_rate@20"]
found = evaluate(Qrels(given["truth"]), Run(given["runs"]), names, return_mean=False)
json.dump({name: list(map(float, values)) for name, values in found.items()}, sys.stdout)
"""


@pytest.mark.slow(seconds=3)
def test_recall_ndcg_and_hit_rate_are_those_of_ranx() -> None:
    pytest.importorskip("ranx", reason="ranx is a development tool, and is not installed")
    rng = np.random.default_rng(7)
    keys = [f"track {at:03d}" for at in range(60)]
    truth, runs, ours = {}, {}, []
    for listener in range(12):
        name = f"listener {listener:02d}"
        ranked = rng.permutation(keys)[: rng.integers(3, 60)].tolist()
        liked = rng.choice(keys, rng.integers(1, 30), replace=False).tolist()
        truth[name] = dict.fromkeys(liked, 1)
        runs[name] = {key: 1.0 - at / 100 for at, key in enumerate(ranked)}
        ours.append(
            {
                f"{figure}@{k}": function(ranked, set(liked), k)
                for k in (5, 20)
                for figure, function in (
                    ("recall", recall_at),
                    ("ndcg", ndcg_at),
                    ("hit_rate", hit_at),
                )
            }
        )
    given = json.dumps({"truth": truth, "runs": runs})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    for name, values in theirs.items():
        assert [each[name] for each in ours] == pytest.approx(values), name
