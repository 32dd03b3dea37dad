"""Promises and alarms of simulated listeners, half of whose liked genres are lost on one night.

Each listener lives alone in a small world, with the whole product each night. On the night after
the first month the taste changes; what was promised, what was heard out and which alarms were given
is read from the lake at the end.
"""

import datetime as dt
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from benchmarks.harness import print_progress
from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.playlist.select.quality import ALARM_SUBJECT
from smallhours.training.evaluation.receptions import promises_by_night, read_receptions
from smallhours_sandbox.simulation.ground_truth import WorldSize
from smallhours_sandbox.simulation.listener import SimulationSpec, open_simulation
from smallhours_sandbox.simulation.rankers import OURS

LISTENERS = (
    *("ada", "bruno", "chiara", "dmitri", "esra", "femi"),
    *("gina", "hugo", "ines", "jonas"),
)
MONTH = 30
YEAR = 365
SIZE = WorldSize(artists=1_000, tracks=12_000)
# An alarm that never came counts as this many nights.
NEVER = 99


@dataclass(frozen=True)
class KeptAccount:
    """What became of the promises and alarms of one listener's nights.

    Attributes:
        nights: Number of nights.
        changed_on: The night on which the taste changed, from 1.
        promises: Night, from 1, low, high, picks heard out, picks, and the truth: the mean
            probability that a pick is heard out; of each list with a promise that was heard.
        alarms: Nights, from 1, and kinds of alarms.
    """

    nights: int
    changed_on: int
    promises: Sequence[tuple[int, int, int, int, int, float]]
    alarms: Sequence[tuple[int, str]]


def kept_accounts(
    listeners: Sequence[str], *, nights: int, seed: int, processes: int, folder: Path | None
) -> list[KeptAccount]:
    """Simulate listeners in parallel.

    Args:
        listeners: Who.
        nights: Number of nights of each.
        seed: Of the world.
        processes: Number of parallel processes.
        folder: Where each finished account is kept, and taken from when it is there.
    """
    context = get_context("spawn")
    one = partial(_account, nights=nights, seed=seed, folder=folder)
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(one, listeners))


def _account(name: str, *, nights: int, seed: int, folder: Path | None) -> KeptAccount:
    kept = folder and folder / f"{name}-{nights}-{seed}.json"
    if kept and kept.exists():
        return KeptAccount(**json.loads(kept.read_text(encoding="utf-8")))
    changed_on = min(MONTH, nights // 2) + 1
    spec = SimulationSpec(name, OURS, nights, seed, SIZE, (name,), taste_changes=changed_on)
    truths: dict[dt.date, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-promises-") as own,
        open_simulation(spec, Path(own) / "lake") as simulation,
    ):
        first = simulation.tonight.date
        for number in range(1, nights + 1):
            print_progress(f"{name}, night {number}")
            simulation.run_night()
            if (outcome := simulation.measure()) is not None:
                truths[simulation.tonight.date] = outcome.quality.acceptance
            simulation.run_day()
        account = _read_account(simulation.lake, spec, first, simulation.tonight.date, truths)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asdict(account)), encoding="utf-8")
    return account


def _read_account(
    lake: Lake,
    spec: SimulationSpec,
    first: dt.date,
    end: dt.date,
    truths: Mapping[dt.date, float],
) -> KeptAccount:
    heard = read_receptions(lake, spec.listener, before=end)
    promised = promises_by_night(lake, spec.listener, [each.night for each in heard])
    alarms = lake.frame(METRICS)
    alarms = alarms[alarms["subject"] == ALARM_SUBJECT]
    promises = [
        (_number(each.night, first), found.low, found.high, each.heard_out, each.size, truth)
        for each in heard
        if (found := promised.get(each.night)) and (truth := truths.get(each.night))
    ]
    given = zip(alarms["night"], alarms["metric"], strict=True)
    told = [(_number(night, first), str(kind)) for night, kind in given]
    return KeptAccount(spec.nights, spec.taste_changes or 0, promises, told)


def _number(night: dt.date, first: dt.date) -> int:
    """Return the number of a night, from 1."""
    return (night - first).days + 1


def promise_figures(accounts: Sequence[KeptAccount]) -> dict[str, Any]:
    """Return coverage by month, width over a binomial's, nights to the alarm, and false alarms.

    The binomial's interval is the central one of 90 %, by the list's true mean probability. The
    nights to the alarm count the lists that were made for the lost taste until then, in the median.
    """
    promises = [each for account in accounts for each in account.promises]
    kept: dict[int, list[bool]] = {}
    for night, low, high, heard, *_ in promises:
        kept.setdefault((night - 1) // MONTH, []).append(low <= heard <= high)
    ends = np.array([binom.ppf((0.05, 0.95), size, truth) for *_, size, truth in promises])
    widths = [high - low for _, low, high, *_ in promises]
    quiet = sum(each.changed_on - 1 for each in accounts)
    false = sum(night < each.changed_on for each in accounts for night, _ in each.alarms)
    return {
        "promise_coverage": [round(float(np.mean(each)), 4) for _, each in sorted(kept.items())],
        "promise_width_ratio": round(float(np.sum(widths) / np.diff(ends).sum()), 4)
        if len(ends)
        else None,
        "drift_nights": float(np.median([_nights_to_alarm(each) for each in accounts])),
        "false_alarms": round(false * YEAR / quiet, 3),
        "promises": len(promises),
        "promise_listeners": len(accounts),
    }


def _nights_to_alarm(account: KeptAccount) -> int:
    later = [night for night, _ in account.alarms if night >= account.changed_on]
    return min(later) - account.changed_on if later else NEVER
