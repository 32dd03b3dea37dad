"""The command `study`: the study of tags and audio features."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from smallhours_study.grid import (
    FEATURES,
    FORMATS,
    GPT2_WEIGHTS,
    MODELS,
    SEED,
    SPLITS,
    Grid,
)

if TYPE_CHECKING:
    from smallhours_study.fits import FitResources
    from smallhours_study.paper.gpt2_progress import TrainingProgress
    from smallhours_study.results import FittedSetting, StudyFolder
    from smallhours_study.study_rows import StudyRows

Names = list[str] | None


def register(app: typer.Typer) -> None:
    """Add `study`."""
    app.command("study")(study)


def study(
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="A table of tracks or of artists' tags, once for each; default: the lake.",
        ),
    ] = None,
    listener: Annotated[
        str | None, typer.Option("--listener", "-l", help="Whose plays count, with the lake.")
    ] = None,
    features: Annotated[Names, typer.Option(help=f"Of {', '.join(FEATURES)}.")] = None,
    formats: Annotated[Names, typer.Option(help=f"Of {', '.join(FORMATS)}.")] = None,
    models: Annotated[Names, typer.Option(help=f"Of {', '.join(MODELS)}.")] = None,
    limits: Annotated[
        list[int] | None, typer.Option("--k", help="Columns at most: 100, 1000, 10000.")
    ] = None,
    splits: Annotated[Names, typer.Option(help=f"Of {', '.join(SPLITS)}.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits and the models.")] = SEED,
    threads: Annotated[int, typer.Option(min=1, help="For a model that takes several.")] = 1,
    out: Annotated[Path, typer.Option(help="The study's folder; it goes on from there.")] = Path(
        "study"
    ),
    paper: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The paper's own table of RMSEs (CSV).")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A data set to compare the features' spread with."),
    ] = None,
    gpt2_weights: Annotated[
        str,
        typer.Option(
            help="GPT-2's: a folder, a name of the hub, or `small`: a small network of its shape "
            "that learns from the strings alone."
        ),
    ] = GPT2_WEIGHTS,
) -> None:
    """Fit every model on every input, and write the paper's table with ours in it.

    Every option that names several may be given several times, or once with commas. Ctrl+C loses
    only the fit that is under way: the same command goes on from there.
    """
    grid = Grid.of(
        features=_names(features),
        formats=_names(formats),
        models=_names(models),
        limits=limits or (),
        splits=_names(splits),
        seed=seed,
    )
    # Import late: it takes seconds, and wrong options should be reported first.
    from smallhours.lake.files import open_files
    from smallhours_study.fits import FitResources
    from smallhours_study.report import ComparisonFigures, write_report
    from smallhours_study.results import StudyFolder
    from smallhours_study.study_request import store_request

    console = Console()
    comparison = ComparisonFigures.read(paper, reference)
    with console.status("reading"):
        rows = _rows(data or [], listener)
    folder = StudyFolder(open_files(str(out)))
    folder.open(rows, seed)
    store_request(folder, rows, grid, at=dt.datetime.now(dt.UTC))
    resources = FitResources(
        threads=threads,
        seed=seed,
        gpt2_weights=gpt2_weights,
        checkpoints=folder.local("checkpoints"),
    )
    try:
        _fit_all(console, folder, rows, grid, resources)
    except KeyboardInterrupt:
        console.print("Stopped; what was fitted is kept.")
    summary = write_report(folder, rows, grid, comparison)
    table = Table("", "", show_header=False)
    for name, value in summary.items():
        table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    if summary["missing"]:
        raise typer.Exit(130)


def _fit_all(
    console: Console,
    folder: "StudyFolder",
    rows: "StudyRows",
    grid: Grid,
    resources: "FitResources",
) -> None:
    """Fit every setting of the grid, with a progress bar and a line for each."""
    from smallhours_study.execution import run_study

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        settings = grid.settings()
        bar = bars.add_task(settings[0].name, total=len(settings))

        def tell(fitted: "FittedSetting", done: int, total: int) -> None:
            bars.console.print(_line(fitted, grid))
            bars.update(training, visible=False)
            following = settings[done].name if done < total else "done"
            bars.update(bar, completed=done, description=following)

        def tell_of_training(now: "TrainingProgress") -> None:
            """Show the progress of a training that takes hours."""
            at = f"{now.stage}, epoch {now.epoch} of {now.epochs}, loss {now.loss:.3f}"
            bars.update(training, completed=now.step, total=now.steps, description=at, visible=True)

        training = bars.add_task("", visible=False)
        run_study(folder, rows, grid, replace(resources, progress=tell_of_training), tell)


def _line(fitted: "FittedSetting", grid: Grid) -> str:
    if fitted.skipped:
        return f"{fitted.setting.name}: skipped, {fitted.skipped}"
    return (
        f"{fitted.setting.name}: mean RMSE {fitted.mean('rmse', grid.features):.4f}, "
        f"R² {fitted.mean('r2', grid.features):.4f}, {fitted.seconds:.1f} s"
    )


def _rows(data: list[Path], listener: str | None) -> "StudyRows":
    """Return the rows of the given tables, or those of the lake.

    Raises:
        SettingsError: when a table, the settings or the listener are wrong.
    """
    if data:
        from smallhours_study.row_sources import read_tables, rows_of

        return rows_of(read_tables(data), origin=", ".join(path.name for path in data))
    from smallhours.lake.store import Lake
    from smallhours.settings import load_settings
    from smallhours_study.row_sources import lake_rows

    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    settings.listener(name)
    return lake_rows(Lake(settings.lake.url), name, settings.training.sources)


def _names(given: Names) -> list[str]:
    """Return the given names, from several options or separated by commas."""
    parts = (name.strip() for text in given or () for name in text.split(","))
    return [name for name in parts if name]
