"""The figures of the report: the kinds of the paper's Figures 1-6, drawn from the study's rows."""

from collections.abc import Sequence

from smallhours.web.charts import BarSeries, Dot, LineSeries, dots, grouped_bars, histogram, lines
from smallhours_study.document import ReportFigure
from smallhours_study.gpt2_fits import SMALL, note
from smallhours_study.grid import (
    BAYES,
    BY_ARTIST,
    BY_TRACK,
    FORMATS,
    HOURS,
    LIMITED,
    MODELS,
    PUBLISHED,
    TAGS,
    XGBOOST,
)
from smallhours_study.references import FeatureDistributions
from smallhours_study.results import FittedSetting

MODEL_NAMES = {
    BAYES: "Bayesian ridge",
    XGBOOST: "XGBoost",
    "gpt2": "GPT-2",
    "linear": "linear (ours)",
    "nightly": "nightly (ours)",
}
FORMAT_NAMES = {
    TAGS: "tags",
    "ordered": "tokens O",
    "tags_counts": "tokens TC",
    "duplicated": "tokens D",
    "apart": "track's and artist's tags apart",
    HOURS: "tags, by hour of listening",
}
SPLIT_NAMES = {
    PUBLISHED: "as published",
    BY_TRACK: "known artists (random by track)",
    BY_ARTIST: "new artists (grouped by artist)",
}


def input_name(fitted: FittedSetting) -> str:
    """Return the input's name as in the table: "1,000 tags", "100 tokens TC"."""
    setting = fitted.setting
    name = FORMAT_NAMES[setting.format]
    if setting.model not in LIMITED:
        return name.replace("tokens", "string")
    return f"{setting.limit:,} {name}"


def model_name(fitted: FittedSetting) -> str:
    """Return the model's name as in the table; a small network is not called GPT-2."""
    if note(SMALL) in fitted.notes:
        return "small network, not GPT-2"
    return MODEL_NAMES[fitted.setting.model]


def row_name(fitted: FittedSetting) -> str:
    """Return the name of a row of the table: model and input."""
    return f"{model_name(fitted)}, {input_name(fitted)}"


def draw_all(
    fits: Sequence[FittedSetting],
    features: Sequence[str],
    ours: FeatureDistributions,
    reference: FeatureDistributions | None,
) -> list[ReportFigure]:
    """Draw every figure for which there are results."""
    done = [fitted for fitted in fits if not fitted.skipped]
    figures = [distribution(feature, ours, reference) for feature in features]
    if reference:
        figures.append(_means(features, ours, reference))
    honest = [f for f in done if f.setting.split == BY_ARTIST] or done
    figures += [_by_limit(honest, features), _by_feature(honest, features)]
    figures += [_by_input(honest, features), _by_split(done, features)]
    return figures


def distribution(
    feature: str, ours: FeatureDistributions, reference: FeatureDistributions | None
) -> ReportFigure:
    """Draw the distribution of one feature here, and in the reference."""
    sets = {ours.name: list(ours.values[feature])}
    if reference:
        sets[reference.name] = list(reference.values[feature])
    svg = histogram(
        feature,
        sets,
        desc=f"How {feature} is spread.",
        bounds=(0.0, 1.0),
        x_label=f"{feature} (0-1)",
        width=520,
    )
    return ReportFigure(
        f"distribution-{feature}",
        svg,
        f"{feature}: shares of the tracks per twentieth"
        + (f", {ours.name} filled, {reference.name} as a line." if reference else "."),
    )


def _means(
    features: Sequence[str], ours: FeatureDistributions, reference: FeatureDistributions
) -> ReportFigure:
    points = [
        Dot(
            name,
            spread.name,
            spread.mean(name),
            spread.mean(name) - spread.deviation(name),
            spread.mean(name) + spread.deviation(name),
        )
        for name in features
        for spread in (ours, reference)
    ]
    svg = dots(
        "Mean and standard deviation of the features",
        points,
        desc="A dot is a mean, its interval one standard deviation to either side.",
        x_label="value (0-1)",
    )
    return ReportFigure("means", svg, "Means, and one standard deviation to either side.")


def _by_limit(fits: Sequence[FittedSetting], features: Sequence[str]) -> ReportFigure:
    tabular = [f for f in fits if f.setting.model in LIMITED and f.setting.format != HOURS]
    series = []
    for model in LIMITED:
        for form in FORMATS:
            found = [f for f in tabular if (f.setting.model, f.setting.format) == (model, form)]
            if found:
                series.append(
                    LineSeries(
                        f"{MODEL_NAMES[model]}, {FORMAT_NAMES[form]}",
                        [float(f.setting.limit or 1) for f in found],
                        [f.mean("rmse", features) for f in found],
                    )
                )
    # Eight lines would cover each other, so only those of tags are drawn.
    shown = [line for line in series if line.name.endswith(", tags")] or series[:4]
    limits = sorted({x for line in shown for x in line.xs})
    svg = lines(
        f"RMSE by number of tags, {_split_of(fits)}",
        shown,
        desc="Mean RMSE over the features; lower is better.",
        x_label="K, the number of tags (logarithmic)",
        y_label="mean RMSE",
        x_ticks=limits,
        log_x=True,
        digits=4,
    )
    return ReportFigure(
        "rmse-by-limit",
        svg,
        "Mean RMSE over the features by the number of tags; lower is better. The axis does not "
        "begin at 0.",
    )


def _by_feature(fits: Sequence[FittedSetting], features: Sequence[str]) -> ReportFigure:
    best = [found for model in MODELS if (found := _best_of(fits, features, model))]
    series = [BarSeries(model_name(f), [f.cells[name].rmse for name in features]) for f in best]
    if best:
        means = [best[0].cells[name].rmse_of_mean for name in features]
        # Last, so that each model has the same colour in all figures.
        series.append(BarSeries("mean of the training rows", means))
    svg = grouped_bars(
        f"RMSE by feature, {_split_of(fits)}",
        features,
        series,
        desc="Each model on the input that it does best on; lower is better.",
        y_label="RMSE",
        width=860,
    )
    named = "; ".join(row_name(f) for f in best)
    return ReportFigure(
        "rmse-by-feature", svg, f"RMSE of each model on its best input ({named}). Lower is better."
    )


def _by_input(fits: Sequence[FittedSetting], features: Sequence[str]) -> ReportFigure:
    forms = [
        form for form in FORMATS if form != HOURS and any(f.setting.format == form for f in fits)
    ]
    models = [model for model in MODELS if any(f.setting.model == model for f in fits)]
    series = []
    for model in models:
        found = [_best_of([f for f in fits if f.setting.format == form], features, model)
                 for form in forms]  # fmt: skip
        name = next((model_name(f) for f in found if f), MODEL_NAMES[model])
        series.append(BarSeries(name, [f.mean("r2", features) if f else None for f in found]))
    svg = grouped_bars(
        f"R² by input, {_split_of(fits)}",
        [FORMAT_NAMES[form].replace("track's and artist's tags apart", "tags, apart") for form in
         forms],
        series,
        desc="Mean R² over the features against the training mean, at the best K; higher is "
        "better, 0 is no better than the mean.",
        y_label="mean R²",
        width=860,
    )  # fmt: skip
    return ReportFigure(
        "r2-by-input",
        svg,
        "Mean R² over the features by input, each model at its best K; higher is better, 0 is no "
        "better than the mean.",
    )


def _by_split(fits: Sequence[FittedSetting], features: Sequence[str]) -> ReportFigure:
    points = []
    for model in MODELS:
        for split in (BY_ARTIST, BY_TRACK, PUBLISHED):
            found = _best_of([f for f in fits if f.setting.split == split], features, model)
            if found:
                r2 = found.mean("r2", features)
                points.append(Dot(model_name(found), SPLIT_NAMES[split], r2))
    svg = dots(
        "What knowing the artist is worth",
        points,
        desc="Mean R² over the features of each model on its best input, by split.",
        x_label="mean R² against the training mean",
    )
    return ReportFigure(
        "r2-by-split",
        svg,
        "Mean R² of each model on its best input. The distance between new and known artists is "
        "what a split by track gives away.",
    )


def _best_of(
    fits: Sequence[FittedSetting], features: Sequence[str], model: str
) -> FittedSetting | None:
    """Return a model's setting with the best mean R² over tracks; hours are another task."""
    found = [
        f
        for f in fits
        if f.setting.model == model and f.setting.format != HOURS and set(features) <= set(f.cells)
    ]
    return max(found, key=lambda f: f.mean("r2", features), default=None)


def _split_of(fits: Sequence[FittedSetting]) -> str:
    splits = {fitted.setting.split for fitted in fits}
    return SPLIT_NAMES[next(iter(splits))] if len(splits) == 1 else "all splits"
