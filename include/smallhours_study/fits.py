"""Fits of the study's settings: one function per kind of input, all sparse where tabular."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction import DictVectorizer

from smallhours.errors import NotEnoughData
from smallhours.training.regression import (
    FoldedRegressor,
    LinearTagRegressor,
    TagFeatureRegressor,
)
from smallhours.training.top_tags import TopTags
from smallhours_study.extra import gpt2_available, tokenizer_available
from smallhours_study.formats.tag_strings import TagStrings
from smallhours_study.formats.token_columns import TokenPositions
from smallhours_study.gpt2_fits import SMALL, SplitTexts, fine_tuned, note, small_network
from smallhours_study.grid import (
    APART,
    BAYES,
    BY_ARTIST,
    GPT2,
    GPT2_WEIGHTS,
    HOURS,
    NIGHTLY,
    PUBLISHED,
    STRINGS,
    Setting,
)
from smallhours_study.paper.tabular_models import paper_bayesian_ridge, paper_xgboost
from smallhours_study.study_rows import Counts, StudyRows, StudySplit

Floats = npt.NDArray[np.float64]
Progress = Callable[[Any], None]

# Minimum number of hours of listening.
MIN_HOURS = 100
# From this share of non-zero values on, a dense matrix is faster and no larger.
DENSE_FROM = 0.15


@dataclass(frozen=True)
class FitResources:
    """The resources of a fit.

    Attributes:
        threads: Number of threads, for models that use several.
        seed: Seed of everything random.
        gpt2_weights: A folder, a name of the hub, or `SMALL`.
        checkpoints: Folder for GPT-2's unfinished training, if any.
        progress: Called with the progress of slow fits.
    """

    threads: int = 1
    seed: int = 0
    gpt2_weights: str = GPT2_WEIGHTS
    checkpoints: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True)
class FitResult:
    """The result of a fit.

    Attributes:
        predicted: (test rows, features).
        columns: Number of input columns of the model; 0 for text.
        notes: Notes for readers of the figures.
    """

    predicted: Floats
    columns: int
    notes: Sequence[str] = field(default_factory=tuple)


def why_not(setting: Setting, rows: StudyRows) -> str:
    """Return why a setting can't be fitted here; empty when it can."""
    if setting.model == GPT2:
        return gpt2_available() or ""
    if setting.format in STRINGS:
        return tokenizer_available() or ""
    if setting.format == HOURS:
        if setting.split == BY_ARTIST:
            return "an hour of listening has no single artist"
        if not rows.hours:
            return "nothing is known of when these tracks were played"
        if len(rows.hours) < MIN_HOURS:
            return f"{len(rows.hours)} hours of listening are too few; {MIN_HOURS} are the least"
    return ""


def targets_of(setting: Setting, rows: StudyRows) -> Floats:
    """Return the targets, (n, 5): of tracks, or the mean of an hour of listening."""
    if setting.format != HOURS:
        return rows.targets
    return np.array([rows.targets[list(hour)].mean(axis=0) for hour in rows.hours])


def fit_and_predict(
    setting: Setting,
    rows: StudyRows,
    parts: StudySplit,
    columns: Sequence[int],
    resources: FitResources,
) -> FitResult:
    """Fit a setting to its training rows and predict its test rows.

    Args:
        setting: The setting, for which `why_not` is empty.
        rows: All rows.
        parts: Their split.
        columns: The features to predict, as indices in FEATURES.
        resources: The resources of the fit.

    Raises:
        NotEnoughData: when no training row has a tag.
    """
    y = targets_of(setting, rows)[:, list(columns)]
    if setting.format == APART:
        return _separate_blocks(setting, rows, parts, y, resources)
    if setting.model == GPT2:
        return _gpt2(setting, rows, parts, y, resources)
    matrix, notes = _table(setting, rows, parts)
    learned, asked = matrix[parts.train], matrix[parts.test]
    if not learned.nnz:
        raise NotEnoughData("No training row has a tag.", remedy="Give the study more tracks.")
    if setting.model == BAYES:
        model, dense = paper_bayesian_ridge(), matrix.nnz > DENSE_FROM * np.prod(matrix.shape)
        if dense:
            learned, asked = learned.toarray(), asked.toarray()
        predicted = model.fit(learned, y[parts.train]).predict(asked)
    else:
        trees = paper_xgboost(threads=resources.threads, seed=resources.seed)
        predicted = trees.fit(learned, y[parts.train]).predict(asked)
    return FitResult(_as_columns(predicted, y), int(matrix.shape[1]), notes)


def _table(
    setting: Setting, rows: StudyRows, parts: StudySplit
) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    """Return all rows as columns of tags or of tokens, and notes about them."""
    limit = setting.limit or 1
    if setting.format in STRINGS:
        strings = _strings(setting, rows, np.arange(len(rows)))
        matrix = TokenPositions(limit).fit_transform(strings)
        longest = int(matrix.indices.max()) + 1 if matrix.nnz else 1
        return matrix[:, :longest], _limit_note(limit, longest, "no track has more tokens")
    found, counted = _tags(setting, rows, parts)
    top = TopTags(limit).fit(counted)
    matrix = top.transform(found)
    notes = _limit_note(limit, matrix.shape[1], "there are no more tags")
    if setting.format == HOURS:
        notes = (*notes, "what is heard in many hours is on both sides")
    if setting.split == PUBLISHED and (lost := _share_lost_to_case(found, top.tags_.tolist())):
        notes = (*notes, f"{lost:.1%} of the tags were lost to their capital letters")
    return matrix, notes


def _tags(
    setting: Setting, rows: StudyRows, parts: StudySplit
) -> tuple[list[Counts], list[Counts]]:
    """Return the tags of all rows, and those that are counted to choose the strongest.

    As published, tags are as they are written, and the strongest are chosen over all rows,
    weighted by plays, by lower-case name. Otherwise names are normalised, and the strongest are
    chosen over the training rows.
    """
    published = setting.split == PUBLISHED
    tracks: list[Counts] = list(rows.raw) if published else [*rows.merged()]
    found = _by_hour(rows, tracks) if setting.format == HOURS else tracks
    if not published:
        return found, [found[at] for at in parts.train]
    weights = [1] * len(found) if setting.format == HOURS else rows.plays
    counted = [_lowered(tags, plays) for tags, plays in zip(found, weights, strict=True)]
    return found, counted


def _separate_blocks(
    setting: Setting, rows: StudyRows, parts: StudySplit, y: Floats, resources: FitResources
) -> FitResult:
    """Fit our models: the track's own tags and its artist's side by side."""
    own, theirs = (
        DictVectorizer().fit([tags[at] for at in parts.train]).transform(tags)
        for tags in (rows.own, rows.artist_tags)
    )
    matrix = sparse.hstack([own, theirs]).tocsr()
    names = np.array(rows.artists, dtype=object)
    alone = np.flatnonzero(names == "")
    names[alone] = [f"row {at}" for at in alone]
    width = int(own.shape[1])
    model: FoldedRegressor = (
        TagFeatureRegressor(width, n_jobs=resources.threads, random_state=resources.seed)
        if setting.model == NIGHTLY
        else LinearTagRegressor(width, n_jobs=resources.threads)
    )
    model.fit(matrix[parts.train], y[parts.train], names[parts.train])
    # If the artist's other tracks were learned from, both models correct by them.
    known = setting.split != BY_ARTIST
    predicted = model.predict(matrix[parts.test], names[parts.test] if known else None)
    notes = ("with what it learned of the artist's other tracks",) if known else ()
    return FitResult(_as_columns(predicted, y), int(matrix.shape[1]), notes)


def _gpt2(
    setting: Setting, rows: StudyRows, parts: StudySplit, y: Floats, resources: FitResources
) -> FitResult:
    """Fit GPT-2 to the strings, from the given weights."""
    from smallhours_study.paper.gpt2_network import (
        describe_device,
        pick_device,
        reset_device_memory,
    )

    strings = SplitTexts(
        train=_strings(setting, rows, parts.train),
        validation=_strings(setting, rows, parts.validation),
        test=_strings(setting, rows, parts.test),
        train_targets=y[parts.train],
        validation_targets=y[parts.validation],
    )
    unfinished = resources.checkpoints and resources.checkpoints / setting.name
    options: Any = {
        "seed": resources.seed,
        "threads": resources.threads,
        "progress": resources.progress,
    }
    device = pick_device(None)
    reset_device_memory(device)
    if resources.gpt2_weights == SMALL:
        with TemporaryDirectory() as folder:
            predicted = small_network(strings, checkpoints=unfinished or Path(folder), **options)
    else:
        predicted = fine_tuned(strings, resources.gpt2_weights, checkpoints=unfinished, **options)
    where = f"trained {describe_device(device, resources.threads)}"
    return FitResult(predicted, 0, (note(resources.gpt2_weights), where))


def _strings(setting: Setting, rows: StudyRows, which: Any) -> Any:
    tags = rows.raw if setting.split == PUBLISHED else rows.merged()
    return TagStrings(setting.format).fit_transform([tags[at] for at in which])


def _by_hour(rows: StudyRows, tags: Sequence[Counts]) -> list[Counts]:
    """Return the mean count of each tag over the plays of each hour; a missing tag counts as 0."""
    hours: list[Counts] = []
    for played in rows.hours:
        total: dict[str, float] = {}
        for at in played:
            for tag, count in tags[at].items():
                total[tag] = total.get(tag, 0.0) + count
        hours.append({tag: count / len(played) for tag, count in total.items()})
    return hours


def _lowered(tags: Counts, plays: int) -> Counts:
    """Return counts times a track's plays, by lower-case name."""
    lowered: dict[str, float] = {}
    for tag, count in tags.items():
        lowered[tag.lower()] = lowered.get(tag.lower(), 0.0) + plays * count
    return lowered


def _share_lost_to_case(rows: Sequence[Counts], kept: Sequence[str]) -> float:
    """Return the share of tags that are missing in the list only for their capital letters."""
    known = set(kept)
    wanted = [tag for tags in rows for tag in tags if tag.lower() in known]
    return sum(tag not in known for tag in wanted) / max(len(wanted), 1)


def _limit_note(limit: int, width: int, why: str) -> tuple[str, ...]:
    return (f"{why}: {width:,} columns in place of {limit:,}",) if width < limit else ()


def _as_columns(predicted: Any, y: Floats) -> Floats:
    return np.asarray(predicted, dtype=np.float64).reshape(-1, y.shape[1])
