"""Learns what a listener likes and what tracks sound like, and measures the ranking.

It starts for a listener when their candidates are gathered, which comes last in their catalog.
Their taste is theirs alone, so that several listeners' runs go on at once. The audio models serve
all of them: one run at a time looks whether there is something new to learn from, while the others
wait for it.
"""

from airflow.sdk import chain, dag

from smallhours import training
from smallhours.orchestration.params import night_params, settings_at_parse_time
from smallhours.orchestration.scheduling import CANDIDATES, MODELS, after
from smallhours.orchestration.tasks import MAX_RUN_TIME, dag_options, stage


@dag(
    schedule=after(CANDIDATES),
    params=night_params(settings_at_parse_time()),
    max_active_runs=4,
    dagrun_timeout=MAX_RUN_TIME,
    **dag_options("train_models", __doc__),
)
def train_models() -> None:
    """Train taste and audio models, and measure the ranking."""
    chain(
        stage(training.train_taste),
        stage(training.evaluate_ranking),
        stage(training.train_audio_features),
        stage(training.predict_audio_features),
        stage(training.describe_taste, outlets=[MODELS]),
    )


train_models()
