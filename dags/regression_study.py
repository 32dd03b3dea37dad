"""Compares models that predict a track's sound from its tags: the paper's whole table, by hand.

Every model on every input, limit and split of the form is a task of its own: the paper's Bayesian
ridge, XGBoost and GPT-2, and our linear and nightly models. One runs at a time. What was fitted
stays in the lake under `studies/`: a retry, or another run on the same rows, goes on from there.
The last task writes `study.html` and `study.md` with tables and figures. From the shell it is
`smallhours study`.
"""

import datetime as dt
from importlib.util import find_spec
from typing import Any

from airflow.sdk import chain, dag

from smallhours.orchestration.params import settings_at_parse_time
from smallhours.orchestration.tasks import dag_options

if find_spec("smallhours_study"):  # the study is a package of its own
    from smallhours_study.dag import (
        choose_settings,
        fit_setting,
        open_study,
        study_params,
        write_study,
    )

    @dag(
        schedule=None,
        params=study_params(settings_at_parse_time()),
        max_active_runs=1,
        dagrun_timeout=dt.timedelta(days=14),
        **dag_options("regression_study", __doc__),
    )
    def regression_study() -> None:
        """Open the study, fit its grid, and write the report."""
        folder: Any = open_study()
        fits = fit_setting.partial(folder=folder).expand(setting=choose_settings())
        chain(fits, write_study(folder))

    regression_study()
