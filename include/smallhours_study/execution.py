"""Execution of a study: setting after setting, each stored as soon as it is fitted."""

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from smallhours.errors import SmallhoursError
from smallhours_study import gpt2_fits
from smallhours_study.fits import FitResources, fit_and_predict, targets_of, why_not
from smallhours_study.grid import FEATURES, GPT2, NIGHTLY, Grid, Setting
from smallhours_study.results import FittedSetting, StudyFolder, measure
from smallhours_study.study_rows import StudyRows, split_rows

# Called once for every setting of the grid: its result, the number done, and the total.
OnResult = Callable[[FittedSetting, int, int], None]

KIB = 1024


def run_study(
    folder: StudyFolder, rows: StudyRows, grid: Grid, resources: FitResources, report: OnResult
) -> list[FittedSetting]:
    """Fit all settings of a grid that are not finished yet.

    After an interruption at any moment, all finished settings are kept.

    Args:
        folder: An open study of these rows.
        rows: The rows.
        grid: The requested grid.
        resources: The resources of fits; the seed is the grid's.
        report: Called for every setting.
    """
    settings = grid.settings()
    done = []
    for at, setting in enumerate(settings, start=1):
        done.append(fit_setting(folder, rows, setting, grid, resources))
        report(done[-1], at, len(settings))
    return done


def fit_setting(
    folder: StudyFolder, rows: StudyRows, setting: Setting, grid: Grid, resources: FitResources
) -> FittedSetting:
    """Fit the missing features of one setting, and store the result.

    Most models fit each feature independently, so that only the missing ones are fitted. The
    nightly model shares a network between its targets and is always fitted to all. GPT-2's are
    fitted again where other weights are wanted; without those, the known ones stay.
    """
    known = before = folder.fitted(setting)
    wanted = FEATURES if setting.model == NIGHTLY else grid.features
    missing = folder.missing(setting, wanted)
    if known is not None and _has_other_weights(known, resources):
        known, missing = None, list(wanted)
    if known is not None and not missing:
        return known
    if why := why_not(setting, rows):
        fitted = FittedSetting(setting, skipped=why)
    elif same := _same_fit_at_smaller_limit(folder, setting, grid):
        fitted = same
    else:
        fitted = _try_to_fit(rows, setting, missing, grid.seed, resources)
        if known is not None and not known.skipped and not fitted.skipped:
            fitted = _merged(known, fitted)
        if fitted.skipped and before is not None and not before.skipped:
            return before
    folder.store(fitted)
    if resources.checkpoints:
        # Checkpoints are not needed any more, and take gigabytes per feature for GPT-2 itself.
        shutil.rmtree(resources.checkpoints / setting.name, ignore_errors=True)
    return fitted


def _has_other_weights(known: FittedSetting, resources: FitResources) -> bool:
    """Return whether a result is of other weights of GPT-2 than the wanted ones."""
    if known.setting.model != GPT2 or known.skipped:
        return False
    return gpt2_fits.note(resources.gpt2_weights) not in known.notes


def _try_to_fit(
    rows: StudyRows, setting: Setting, features: Sequence[str], seed: int, resources: FitResources
) -> FittedSetting:
    """Fit a setting; without GPT-2's weights, return it as skipped, so that others go on."""
    try:
        return _fit(rows, setting, features, seed, resources)
    except SmallhoursError as error:
        if setting.model != GPT2:
            raise
        return FittedSetting(setting, skipped=error.what.rstrip("."))


def _fit(
    rows: StudyRows, setting: Setting, features: Sequence[str], seed: int, resources: FitResources
) -> FittedSetting:
    parts = split_rows(setting, rows, seed)
    places = [FEATURES.index(name) for name in features]
    _reset_peak_memory()
    started = time.perf_counter()
    learned = fit_and_predict(setting, rows, parts, places, resources)
    seconds = time.perf_counter() - started
    y = targets_of(setting, rows)[:, places]
    cells = {
        name: measure(learned.predicted[:, at], y[parts.test, at], y[parts.train, at], seed)
        for at, name in enumerate(features)
    }
    return FittedSetting(
        setting, cells, learned.columns, round(seconds, 2), _peak_mb(), tuple(learned.notes)
    )


def _same_fit_at_smaller_limit(
    folder: StudyFolder, setting: Setting, grid: Grid
) -> FittedSetting | None:
    """Return the result at a smaller K that already used all columns: it is the same fit."""
    if setting.limit is None:
        return None
    for limit in (fewer for fewer in grid.limits if fewer < setting.limit):
        known = folder.fitted(replace(setting, limit=limit))
        whole = known is not None and 0 < known.columns < limit
        if known is not None and whole and set(grid.features) <= set(known.cells):
            note = f"all {known.columns:,} columns are in K = {limit:,} already: one fit"
            return replace(known, setting=setting, notes=(note,))
    return None


def _merged(before: FittedSetting, now: FittedSetting) -> FittedSetting:
    peaks = [peak for peak in (before.peak_mb, now.peak_mb) if peak is not None]
    return FittedSetting(
        now.setting,
        {**before.cells, **now.cells},
        now.columns,
        round(before.seconds + now.seconds, 2),
        max(peaks, default=None),
        now.notes,
    )


def _reset_peak_memory() -> None:
    """Reset the kernel's peak memory of this process, where that is possible (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_mb() -> float | None:
    """Return the largest resident memory since then, in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    found = [x for x in status.read_text(encoding="utf-8").splitlines() if x.startswith("VmHWM")]
    return round(int(found[0].split()[1]) / KIB, 1) if found else None
