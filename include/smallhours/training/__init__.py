"""The training stages: models of what the listener likes and of what tags sound like.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

from typing import TYPE_CHECKING

from smallhours.summary import Summary

if TYPE_CHECKING:
    from smallhours.run_context import RunContext


# Of a listener's models in the registry and of what is measured, by name.
TASTE, RANKING = "taste", "ranking"


def train_taste(run: "RunContext") -> Summary:
    """Learn what the listener likes from the tags of what they played."""
    from smallhours.training.new_evidence import run_if_new

    def learn() -> Summary:
        from smallhours.training.taste import train

        return train.train_taste(run.listener, run.lake, settings=run.settings, night=run.night)

    return run_if_new(run, TASTE, learn)


def evaluate_ranking(run: "RunContext") -> Summary:
    """Measure candidates and ranking by what the listener adopted in the last two months."""
    from smallhours.training.new_evidence import run_if_new
    from smallhours.training.registry import Registry

    def measure() -> Summary:
        from smallhours.training.ranking import stages

        return stages.evaluate_ranking(
            run.listener, run.lake, settings=run.settings, night=run.night
        )

    # Earlier versions learned weights, which nothing reads.
    Registry.of(run.lake).discard(run.listener, RANKING)
    return run_if_new(run, RANKING, measure)


def train_audio_features(run: "RunContext") -> Summary:
    """Learn audio features from tags, where features are known."""
    from smallhours.training.audio import NAME
    from smallhours.training.new_evidence import run_if_new

    def learn() -> Summary:
        from smallhours.training.audio import stages

        return stages.train_audio_features(
            run.listener, run.lake, settings=run.settings, night=run.night
        )

    with run.lake.files.lock("training/audio_features"):  # all listeners' runs share the model
        return run_if_new(run, NAME, learn, measured=True)


def predict_audio_features(run: "RunContext") -> Summary:
    """Predict the audio features of all other tracks."""
    from smallhours.training.audio import stages

    return stages.predict_audio_features(
        run.listener, run.lake, settings=run.settings, night=run.night
    )


def describe_taste(run: "RunContext") -> Summary:
    """Describe what the listener plays, for the pages: `profile`."""
    from smallhours.training import profile

    return profile.describe_taste(run.listener, run.lake, settings=run.settings, night=run.night)
