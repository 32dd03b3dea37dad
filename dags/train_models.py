"""Learns what a listener likes, and what a track sounds like from its tags.

It starts for a listener when their catalog is fresh. The taste model is theirs alone; the audio
models serve all listeners, so that one run at a time trains them.
"""

from airflow.sdk import IdentityMapper, PartitionedAssetTimetable, chain, dag

from smallhours.provider.assets import AUDIO_FEATURES, CANDIDATES, MODELS, TAGS
from smallhours.provider.forms import night_form, parsed_settings
from smallhours.provider.tasks import DEFAULT_ARGS, LONGEST_RUN, stage


@dag(
    schedule=PartitionedAssetTimetable(
        assets=TAGS & AUDIO_FEATURES & CANDIDATES, default_partition_mapper=IdentityMapper()
    ),
    params=night_form(parsed_settings()),
    default_args=DEFAULT_ARGS,
    dagrun_timeout=LONGEST_RUN,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["smallhours"],
)
def train_models() -> None:
    """From tags to taste and to sound."""
    chain(
        stage("train_taste"),
        stage("train_audio_features"),
        stage("predict_audio_features", outlets=[MODELS]),
    )


train_models()
