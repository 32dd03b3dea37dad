"""The study's report: the paper's table with our rows, its interpretation, and missing results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smallhours.summary import Summary
from smallhours_study.document import (
    ReportDocument,
    ReportSection,
    ReportTable,
    picture_files,
    to_html,
    to_markdown,
)
from smallhours_study.figures import (
    SPLIT_NAMES,
    draw_all,
    row_name,
)
from smallhours_study.grid import BY_ARTIST, HOURS, PUBLISHED, Grid
from smallhours_study.references import (
    REASONS,
    FeatureDistributions,
    distributions_of,
    key_of,
    read_published,
    read_reference,
)
from smallhours_study.result_tables import (
    Published,
    cost_table,
    digits,
    in_order,
    mae_table,
    r2_table,
    rmse_table,
)
from smallhours_study.results import FittedSetting, StudyFolder
from smallhours_study.study_rows import StudyRows

HERE = "these rows"

_OF_SPLIT = {
    PUBLISHED: "The paper's protocol with its flaws: tags looked up as they are written in a "
    "lower-case list, the artist's tag over the track's own, tags ranked over all rows, a split by "
    "track that leaks the artist, and trees and Bayes measured on the validation rows. Not what a "
    "model can do; only what compares with the paper.",
    "by_track": "A random split by track, measured on its test rows: nearly every artist was "
    "learned from. What to expect for further tracks of artists that are known.",
    BY_ARTIST: "Grouped by artist: no artist is on both sides. What to expect for artists that are "
    "new, which is what a recommender needs.",
}


@dataclass(frozen=True)
class ComparisonFigures:
    """Figures to compare ours with, where they were given.

    Attributes:
        published: The paper's own table.
        reference: The data set that features are compared with.
    """

    published: Published
    reference: FeatureDistributions | None

    @classmethod
    def read(cls, paper: Path | None, reference: Path | None) -> "ComparisonFigures":
        """Read the given files.

        Raises:
            SettingsError: when one is missing or has the wrong content.
        """
        return cls(
            read_published(paper) if paper else {},
            read_reference(reference) if reference else None,
        )


def write_report(
    folder: StudyFolder, rows: StudyRows, grid: Grid, comparison: ComparisonFigures
) -> Summary:
    """Write `study.md`, `study.html` and `figures/*.svg` of the finished fits.

    Returns:
        The number of settings, and the best mean R² on the strictest requested split.
    """
    fits = folder.of(grid)
    document = report(rows, fits, grid, comparison)
    for name, svg in picture_files(document).items():
        folder.files.replace(folder.at(f"figures/{name}"), svg.encode())
    folder.files.replace(folder.at("study.md"), to_markdown(document).encode())
    folder.files.replace(folder.at("study.html"), to_html(document).encode())
    done = [fitted for fitted in fits if not fitted.skipped]
    summary: Summary = {
        "settings": len(done),
        "skipped": len(fits) - len(done),
        "missing": len(grid.settings()) - len(fits),
    }
    strictest = [f for f in done if f.setting.split == grid.splits[-1]]
    if best := _best(strictest, grid.features):
        summary |= {
            "best": row_name(best),
            "best_r2": round(best.mean("r2", grid.features), 4),
            "split": SPLIT_NAMES[grid.splits[-1]],
        }
    return {**summary, "report": folder.address("study.html")}


def report(
    rows: StudyRows, fits: Sequence[FittedSetting], grid: Grid, comparison: ComparisonFigures
) -> ReportDocument:
    """Return the report as a document.

    Args:
        rows: The study's rows.
        fits: The finished settings of the grid.
        grid: The requested grid.
        comparison: The paper's own figures, and a reference.
    """
    ours = distributions_of(HERE, rows.targets)
    sections = [_about(rows, fits, grid)]
    for split in reversed(grid.splits):
        # A row of the paper that was skipped here stays in the table, marked as skipped.
        kept = [f for f in fits if not f.skipped or key_of(f.setting)]
        found = in_order([f for f in kept if f.setting.split == split])
        if not all(fitted.skipped for fitted in found):
            sections.append(_split_section(split, found, grid, comparison.published))
    sections.append(_spreads(grid.features, ours, comparison.reference))
    sections.append(
        ReportSection("Figures", draw_all(fits, grid.features, ours, comparison.reference))
    )
    if comparison.published:
        sections.append(ReportSection("Why the paper's figures differ", [REASONS]))
    sections.append(_missing(fits, grid))
    return ReportDocument("Audio features from tags: the study", sections)


def _about(rows: StudyRows, fits: Sequence[FittedSetting], grid: Grid) -> ReportSection:
    artists = len(set(rows.artists))
    mean = sum(len(tags) for tags in rows.raw) / len(rows)
    parts: list[str | Sequence[str] | ReportTable] = [
        (
            f"{len(rows):,} tracks by {artists:,} artists, {mean:.1f} tags a track: {rows.origin}. "
            "64 % are learned from, 16 % are for validation, 20 % are measured on; "
            f"seed {grid.seed}."
        ),
    ]
    if rows.left_out:
        parts.append(f"Left out: {', '.join(rows.left_out)}.")
    parts.append(
        "R² compares with the mean of the training rows: 0 is no better than that mean. “Random "
        "draw” is what the paper calls its baseline."
    )
    strictest = [f for f in fits if f.setting.split == grid.splits[-1] and not f.skipped]
    if best := _best(strictest, grid.features):
        parts.append(
            f"Best for {SPLIT_NAMES[grid.splits[-1]]}: {row_name(best)}, mean R² "
            f"{digits(best.mean('r2', grid.features))} in {best.seconds:,.1f} s."
        )
    return ReportSection("What was studied", parts)


def _split_section(
    split: str, fits: Sequence[FittedSetting], grid: Grid, published: Published
) -> ReportSection:
    # Only one split is compared with the paper: its own protocol, or the first without that.
    with_paper = published if split == grid.splits[0] else {}
    return ReportSection(
        f"Results: {SPLIT_NAMES[split]}",
        [
            _OF_SPLIT[split],
            rmse_table(fits, grid.features, with_paper),
            r2_table(fits, grid.features, with_paper),
            mae_table([f for f in fits if not f.skipped], grid.features),
            cost_table(fits, grid.features),
        ],
    )


def _spreads(
    features: Sequence[str], ours: FeatureDistributions, reference: FeatureDistributions | None
) -> ReportSection:
    sets = [ours, *([reference] if reference else [])]
    tables = [
        ReportTable(
            f"Table {2 + at}'s layout: {spread.name}",
            ["feature", "tracks", "mean", "standard deviation"],
            [
                [
                    name,
                    f"{len(spread.values[name]):,}",
                    digits(spread.mean(name)),
                    digits(spread.deviation(name)),
                ]
                for name in features
            ],
        )
        for at, spread in enumerate(sets)
    ]
    if reference is None:
        return ReportSection(
            "How the features are spread", [*tables, "No reference data set was given."]
        )
    return ReportSection("How the features are spread", tables)


def _missing(fits: Sequence[FittedSetting], grid: Grid) -> ReportSection:
    """Return the section of skipped settings, notes of fits, and settings still to be fitted."""
    why: dict[str, list[str]] = {}
    for fitted in fits:
        for note in [f"skipped: {fitted.skipped}"] if fitted.skipped else fitted.notes:
            why.setdefault(note, []).append(fitted.setting.name)
    lines = [f"{note}: {_some(names)}" for note, names in why.items()]
    known = {fitted.setting for fitted in fits}
    left = [f"`{s.name}`" for s in grid.settings() if s not in known]
    if left:
        lines.append(f"Not fitted yet: {', '.join(left)}")
    return ReportSection("Notes", [lines] if lines else ["Nothing was skipped."])


def _some(names: Sequence[str], shown: int = 3) -> str:
    """Return the first few of a list, and the number of the others."""
    first = ", ".join(f"`{name}`" for name in names[:shown])
    return f"{first} and {len(names) - shown} more" if len(names) > shown else first


def _best(fits: Sequence[FittedSetting], features: Sequence[str]) -> FittedSetting | None:
    found = [f for f in fits if f.setting.format != HOURS and set(features) <= set(f.cells)]
    return max(found, key=lambda f: f.mean("r2", features), default=None)
