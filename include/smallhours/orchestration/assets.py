"""The DAGs' assets, and the partition key of a listener's night.

Every asset stands for tables of the lake. Its events carry a partition key, `<listener>@<date>`:
this is how one listener's night passes from DAG to DAG, each in a run of its own.
"""

from typing import NamedTuple

from airflow.sdk import Asset

from smallhours.errors import SettingsError

PLAYS = Asset("plays", uri="smallhours://lake/plays")
LIBRARY = Asset("library", uri="smallhours://lake/library")
FEEDBACK = Asset("feedback", uri="smallhours://lake/feedback")
TAGS = Asset("tags", uri="smallhours://lake/tags")
AUDIO_FEATURES = Asset("audio_features", uri="smallhours://lake/audio_features")
CANDIDATES = Asset("candidates", uri="smallhours://lake/candidates")
MODELS = Asset("models", uri="smallhours://lake/models")
PLAYLIST = Asset("playlist", uri="smallhours://lake/playlists")


class PartitionKey(NamedTuple):
    """One listener's night as a partition key: `ada@2026-11-02`."""

    listener: str
    date: str

    def __str__(self) -> str:
        return f"{self.listener}@{self.date}"

    @classmethod
    def parse(cls, key: str) -> "PartitionKey":
        """Parse a key.

        Raises:
            SettingsError: when it is not `<listener>@<date>`.
        """
        listener, found, date = key.partition("@")
        if not (listener and found and date):
            raise SettingsError(
                f"The partition key {key!r} is not <listener>@<date>.",
                remedy="Trigger the DAG without a partition key, and choose in the form.",
            )
        return cls(listener, date)
