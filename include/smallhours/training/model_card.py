"""Model cards, as JSON for programs and as Markdown for people."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Self

from pydantic import TypeAdapter

Value = int | float | str

PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "skops", "xgboost-cpu")


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a model is made with."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}


@dataclass(frozen=True)
class ModelCard:
    """One saved model's description.

    Attributes:
        name: Kind of model: `first_seed`, `audio_features`.
        owner: A listener, or `_shared`.
        night: The night on which it was first learned, as an ISO date.
        purpose: The question that it answers, in a sentence.
        limits: Questions that it must not be used for.
        features: The inputs that it reads of a track.
        data: Counts of the training data.
        settings: Its parameters.
        seeds: Seeds of everything random.
        metrics: Figures on rows that it did not learn from.
        packages: Versions of the packages that it was made with.
        version: Name of its folder; set when it is saved.
        files: Digest of each of its files; set when it is saved.
    """

    name: str
    owner: str
    night: str
    purpose: str
    limits: str
    features: Sequence[str]
    data: Mapping[str, Value]
    settings: Mapping[str, Value]
    seeds: Mapping[str, Value]
    metrics: Mapping[str, float]
    packages: Mapping[str, str] = field(default_factory=package_versions)
    version: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the card as JSON for programs; keys sorted."""
        return (
            json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read back the result of `to_json`; fields of a later version are left out.

        Raises:
            ValueError: when it is not the JSON of a card.
        """
        card: Self = TypeAdapter(cls).validate_python(json.loads(data))
        return card

    def to_markdown(self) -> bytes:
        """Return the card as Markdown for people."""
        lines = [
            f"# {self.name} {self.version}",
            "",
            self.purpose,
            "",
            f"Learned on the night of {self.night} for {_owner(self.owner)}.",
            "",
            f"**Not for**: {self.limits}",
            "",
            "It sees: " + "; ".join(self.features) + ".",
        ]
        for title, values in (
            ("Data", self.data),
            ("Metrics", self.metrics),
            ("Settings", self.settings),
            ("Seeds", self.seeds),
            ("Made with", self.packages),
            ("Files", self.files),
        ):
            lines += ["", f"## {title}", "", "| | |", "|---|---|"]
            lines += [f"| {name} | {_shown(value)} |" for name, value in sorted(values.items())]
        return ("\n".join(lines) + "\n").encode()


def _owner(owner: str) -> str:
    return "all listeners" if owner.startswith("_") else owner


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
