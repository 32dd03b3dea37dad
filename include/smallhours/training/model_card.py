"""What does a person need to know about a saved model? Its card, for programs and for reading."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from typing import Any, Self

Value = int | float | str

PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "skops", "xgboost-cpu")


def package_versions() -> dict[str, str]:
    """The versions of what a model was made with."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}


@dataclass(frozen=True)
class ModelCard:
    """One saved model.

    Attributes:
        name: What it is: `first_seed`, `audio_features`.
        owner: Whose: a listener, or `_shared`.
        night: The night that it was first learned on, as an ISO date.
        purpose: What it answers, in a sentence.
        limits: What it must not be believed to answer.
        features: What it sees of a track.
        data: Counts of what it learned from.
        settings: Its parameters.
        seeds: Where chance came in, and from which number.
        metrics: How well it does, on rows that it did not learn from.
        packages: Versions of what it was made with.
        version: Its folder's name; set when it is saved.
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
        """For programs; keys sorted."""
        return (
            json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read back what `to_json` wrote; fields of a later version are left out.

        Raises:
            ValueError: when it is not JSON.
            TypeError: when a field is missing.
        """
        stored: dict[str, Any] = json.loads(data)
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in names})

    def to_markdown(self) -> bytes:
        """For reading."""
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
