"""Tables of the results: the paper's Table 9, with its own column beside ours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from smallhours.web.charts.canvas import format_value
from smallhours_study.document import ReportTable
from smallhours_study.figures import input_name, model_name
from smallhours_study.grid import FORMATS, HOURS, MODELS
from smallhours_study.references import BASE, MEAN, PaperRow, key_of, r2_of
from smallhours_study.results import FittedSetting

Published = Mapping[tuple[str, str], PaperRow]

SKIPPED = "skipped"
_WORDS = frozenset({0, 1})


@dataclass(frozen=True)
class _Line:
    """One row of a table: two words, a value per feature, and the paper's values."""

    words: tuple[str, str]
    values: Sequence[float]
    theirs: PaperRow | None = None
    competes: bool = False
    skipped: bool = False


def in_order(fits: Sequence[FittedSetting]) -> list[FittedSetting]:
    """Sort the rows as in the paper: by model, then by input, then by K."""
    return sorted(
        fits,
        key=lambda f: (
            MODELS.index(f.setting.model),
            FORMATS.index(f.setting.format),
            f.setting.limit or 0,
        ),
    )


def rmse_table(
    fits: Sequence[FittedSetting], features: Sequence[str], published: Published
) -> ReportTable:
    """Return RMSE by model, input and feature, after both baselines: Table 9's layout."""
    lines = _baselines(fits, features, published)
    for fitted in fits:
        theirs = published.get(key_of(fitted.setting) or ("", ""))
        lines.append(_line(fitted, features, "rmse", theirs))
    note = ". “paper”: its own figure, on its own tracks" if published else ""
    return _table(f"RMSE (Table 9's layout); lower is better{note}", lines, features, min)


def r2_table(
    fits: Sequence[FittedSetting], features: Sequence[str], published: Published
) -> ReportTable:
    """Return R² in the same layout."""
    mean, lines = published.get(MEAN), []
    for fitted in fits:
        theirs = published.get(key_of(fitted.setting) or ("", ""))
        r2 = r2_of(theirs, mean) if theirs and mean else None
        lines.append(_line(fitted, features, "r2", r2))
    note = ". “paper”: what follows from its RMSEs" if any(x.theirs for x in lines) else ""
    caption = f"R² against the mean of the training rows; higher is better{note}"
    return _table(caption, lines, features, max)


def mae_table(fits: Sequence[FittedSetting], features: Sequence[str]) -> ReportTable:
    """Return the mean absolute error in the same layout."""
    lines = [_line(fitted, features, "mae", None) for fitted in fits]
    return _table("Mean absolute error; lower is better", lines, features, min)


def cost_table(fits: Sequence[FittedSetting], features: Sequence[str]) -> ReportTable:
    """Return mean RMSE as a share of either baseline's, and the cost of each row."""
    rows = [
        [
            model_name(f),
            input_name(f),
            digits(f.mean("rmse", features)),
            digits(f.mean("rmse", features) / f.mean("rmse_of_mean", features), 3),
            digits(f.mean("rmse", features) / f.mean("rmse_of_draw", features), 3),
            f"{f.columns:,}" if f.columns else "text",
            f"{f.seconds:,.1f}",
            f"{f.peak_mb:,.0f}" if f.peak_mb is not None else "",
        ]
        for f in fits
        if not f.skipped
    ]
    head = ["model", "input", "mean RMSE", "÷ mean", "÷ random draw", "columns", "s", "MB"]
    return ReportTable(
        "Mean RMSE over the features against both baselines, and the cost of all features: "
        "seconds to prepare, fit and predict, and the process's largest memory meanwhile",
        head,
        rows,
        _WORDS,
    )


def digits(value: float, places: int = 4) -> str:
    """Format a figure for tables: `.1450`, `1.0230`, `−.0120`; empty for NaN."""
    if math.isnan(value):
        return ""
    shown = format_value(value, places)
    return shown.replace("0.", ".", 1) if abs(value) < 1 else shown


def _baselines(
    fits: Sequence[FittedSetting], features: Sequence[str], published: Published
) -> list[_Line]:
    cells = next(
        (f.cells for f in fits if f.setting.format != HOURS and set(features) <= set(f.cells)), None
    )
    if cells is None:
        return []
    drawn = [cells[name].rmse_of_draw for name in features]
    mean = [cells[name].rmse_of_mean for name in features]
    return [
        _Line(("random draw", "the paper's “Base”"), drawn, published.get(BASE)),
        _Line(("mean", "of the training rows"), mean, published.get(MEAN)),
    ]


def _line(
    fitted: FittedSetting, features: Sequence[str], score: str, theirs: PaperRow | None
) -> _Line:
    values = [
        float(getattr(fitted.cells[name], score)) if name in fitted.cells else math.nan
        for name in features
    ]
    return _Line(
        (model_name(fitted), input_name(fitted)),
        values,
        theirs,
        # An hour's mean is a different, easier target.
        competes=fitted.setting.format != HOURS,
        skipped=bool(fitted.skipped),
    )


def _table(
    caption: str, lines: Sequence[_Line], features: Sequence[str], better: Callable[..., int]
) -> ReportTable:
    with_paper = any(line.theirs for line in lines)
    head = ["model", "input"]
    rows = [list(line.words) for line in lines]
    best = set()
    for at, feature in enumerate(features):
        known = {
            r: line.values[at]
            for r, line in enumerate(lines)
            if line.competes and not math.isnan(line.values[at])
        }
        if known:
            best.add((better(known, key=known.__getitem__), len(head)))
        head += [feature, "paper"] if with_paper else [feature]
        for row, line in zip(rows, lines, strict=True):
            row.append(SKIPPED if line.skipped else digits(line.values[at]))
            if with_paper:
                row.append(digits(line.theirs[feature], 3) if line.theirs else "")
    head.append("mean")
    for row, line in zip(rows, lines, strict=True):
        row.append("" if line.skipped else digits(sum(line.values) / len(line.values)))
    return ReportTable(caption, head, rows, _WORDS, frozenset(best))
