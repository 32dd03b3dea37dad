"""The DAG `regression_study`: its tasks, and the params that Airflow shows as a form.

One task opens the study and one lists the settings of the grid; each setting is then a mapped task,
one at a time; the last task writes the report. The study is in the lake, in a folder named
after its rows and its seed: a retry, or another run on the same rows, reuses finished fits.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, get_current_context, task

from smallhours.orchestration.params import DagParams, listener_param
from smallhours.orchestration.tasks import one_line_errors
from smallhours.runs import summary_lines
from smallhours.settings import Settings, load_settings
from smallhours.summary import Summary
from smallhours_study.grid import (
    FEATURES,
    FORMATS,
    GPT2_WEIGHTS,
    LIMITS,
    MODELS,
    SEED,
    SPLITS,
    Grid,
    Setting,
)

if TYPE_CHECKING:
    from smallhours_study.paper.gpt2_progress import TrainingProgress
    from smallhours_study.results import StudyFolder
    from smallhours_study.study_rows import StudyRows


LOG = logging.getLogger(__name__)


@task(task_id="choose_settings", doc_md="List every model, input, limit and split of the form.")
def choose_settings() -> list[str]:
    """Return the names of the grid's settings."""
    with one_line_errors():
        names = [setting.name for setting in _grid(get_current_context()["params"]).settings()]
    LOG.info("%d settings: %s", len(names), ", ".join(names))
    return names


@task(task_id="open_study", doc_md="Read the rows, and keep them with the study.")
def open_study() -> str:
    """Return the study's folder within the lake."""
    from smallhours_study.results import StudyFolder
    from smallhours_study.study_request import FOLDER, store_request

    with one_line_errors():
        settings, params = load_settings(), get_current_context()["params"]
        grid = _grid(params)
        rows = _rows(params, settings)
        path = f"{FOLDER}/{rows.fingerprint()}-{grid.seed}"
        folder = StudyFolder(_lake(settings).files, path)
        folder.open(rows, grid.seed)
        store_request(folder, rows, grid, at=dt.datetime.now(dt.UTC))
    LOG.info("%d tracks; the study lies in %s", len(rows), folder.address(""))
    return path


@task(
    task_id="fit_setting",
    # One at a time, so that it fits into a laptop's memory.
    max_active_tis_per_dag=1,
    # A GPT-2 on a CPU takes many hours; a retry goes on from its last checkpoint.
    execution_timeout=dt.timedelta(days=2),
    map_index_template="{{ task.op_kwargs['setting'] }}",
    doc_md="Fit one model on one input, unless that is done already, and keep its figures.",
)
def fit_setting(folder: str, setting: str) -> Summary:
    """Fit one setting and return its results over the features of the form."""
    from smallhours_study.execution import fit_setting as fit
    from smallhours_study.fits import FitResources

    with one_line_errors():
        settings = load_settings()
        params = get_current_context()["params"]
        grid = _grid(params)
        study = _folder(folder, settings)
        resources = FitResources(
            threads=settings.training.threads,
            seed=grid.seed,
            gpt2_weights=params["gpt2_weights"],
            checkpoints=study.local("checkpoints"),
            progress=_log_epoch,
        )
        fitted = fit(study, study.rows(), Setting.parse(setting), grid, resources)
    if fitted.skipped:
        summary: Summary = {"skipped": fitted.skipped}
    else:
        figures = {name: round(fitted.mean(name, grid.features), 4) for name in ("rmse", "r2")}
        summary = {**figures, "columns": fitted.columns, "seconds": fitted.seconds}
    for line in summary_lines(summary):
        LOG.info(line)
    return summary


@task(task_id="write_study", doc_md="Write `study.md`, `study.html` and the figures.")
def write_study(folder: str) -> Summary:
    """Write the report; return the number of fits, the best one, and the report's address."""
    from smallhours_study.report import ComparisonFigures, write_report

    with one_line_errors():
        params = get_current_context()["params"]
        study = _folder(folder, load_settings())
        comparison = ComparisonFigures.read(
            _path(params.get("paper")), _path(params.get("reference"))
        )
        summary = write_report(study, study.rows(), _grid(params), comparison)
    for line in summary_lines(summary):
        LOG.info(line)
    return summary


def _log_epoch(now: "TrainingProgress") -> None:
    """Log a line for each epoch of a training that takes hours."""
    if now.step == now.steps:
        LOG.info("%s: epoch %d of %d, loss %.4f", now.stage, now.epoch, now.epochs, now.loss)


def _grid(params: Any) -> Grid:
    names = ("features", "formats", "models", "limits", "splits", "seed")
    return Grid.of(**{name: params[name] for name in names})


def _rows(params: Any, settings: Settings) -> "StudyRows":
    """Return the rows of the form's tables, or those of the lake."""
    if paths := [Path(name) for name in params.get("data") or ()]:
        from smallhours_study.row_sources import read_tables, rows_of

        return rows_of(read_tables(paths), origin=", ".join(path.name for path in paths))
    from smallhours_study.row_sources import lake_rows

    listener = params.get("listener") or next(iter(settings.listeners))
    settings.listener(listener)
    return lake_rows(_lake(settings), listener, settings.training.sources)


def _lake(settings: Settings) -> Any:
    from smallhours.lake.store import Lake

    return Lake(settings.lake.url)


def _folder(path: str, settings: Settings) -> "StudyFolder":
    from smallhours_study.results import StudyFolder

    return StudyFolder(_lake(settings).files, path)


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def study_params(settings: Settings | None) -> DagParams:
    """Return the params for the study: its grid, and its rows."""
    return {
        "features": _several("Features", FEATURES, "Audio features to predict"),
        "formats": _several("Formats", FORMATS, "What the models are given of a track's tags"),
        "models": _several("Models", MODELS, "Models"),
        "limits": Param(
            list(LIMITS),
            title="K",
            description="Columns at most, one number a line; the models that take all, take all.",
            type="array",
            items={"type": "integer", "minimum": 1},
            minItems=1,
        ),
        "splits": _several("Splits", SPLITS, "How rows are held out"),
        "seed": Param(
            SEED, title="Seed", description="Of the splits and the models.", type="integer"
        ),
        "gpt2_weights": Param(
            GPT2_WEIGHTS,
            title="GPT-2's weights",
            description="A folder, a name of the hub, or `small`: a small network of its shape "
            "that learns from the strings alone.",
            type="string",
            minLength=1,
        ),
        "listener": listener_param(settings),
        "data": Param(
            [],
            title="Tables",
            description="Tables of tracks and of artists' tags on the machine that Airflow runs "
            "on, one a line; empty: the lake.",
            type="array",
            items={"type": "string"},
        ),
        "paper": _file("The paper's table", "The paper's own RMSEs, a CSV; empty: none."),
        "reference": _file("Reference", "A data set to compare the features with; empty: none."),
    }


def _several(title: str, known: Sequence[str], what: str) -> Param:
    """Return a param for some values of a list, all by default."""
    return Param(
        list(known),
        title=title,
        description=f"{what}; at least one.",
        type="array",
        items={"type": "string", "enum": list(known)},
        examples=list(known),
        minItems=1,
    )


def _file(title: str, what: str) -> Param:
    return Param(None, title=title, description=what, type=["null", "string"])
