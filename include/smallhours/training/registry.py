"""The model registry: saved versions of models, and which version is in use.

    <lake>/models/<listener or _shared>/<name>/<version>/   the model's files, card.json, card.md
    <lake>/models/<listener or _shared>/<name>/current.json the version in use

A version is named after its night and the content of its files. `current.json` is replaced last
and in one step. Until then nobody reads the new folder, so a reader finds the old model or
the new one, whole, on a disk and on an object store alike. A model that comes out the same as the
one in use keeps its version.

A damaged or missing model counts as none: `load` says so in the log, and the next training saves
and promotes a new one.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from smallhours.lake.files import Files
from smallhours.lake.store import Lake
from smallhours.training.model_card import ModelCard
from smallhours.training.persistence import UnreadableModel, raise_unreadable

LOG = logging.getLogger(__name__)

# Owner of the models of all listeners. Listeners' names start with a letter or a digit.
SHARED = "_shared"
CARD = "card.json"
CARD_MARKDOWN = "card.md"
CURRENT = "current.json"

Model = TypeVar("Model")


@dataclass(frozen=True)
class SavedModel:
    """A version of a model in the lake."""

    card: ModelCard
    folder: str
    _files: Files

    @property
    def version(self) -> str:
        """Return the version's name, made of its night and a digest of its files."""
        return self.card.version

    def address(self, name: str) -> str:
        """Return the full address of one of its files, for people."""
        return self._files.address(f"{self.folder}/{name}")

    def read(self, name: str) -> bytes:
        """Read one of its files.

        Raises:
            UnreadableModel: when it is missing or differs from what was saved.
        """
        try:
            data = self._files.read(f"{self.folder}/{name}")
        except FileNotFoundError:
            raise_unreadable(self.address(name), "the file is missing")
        if _digest(data) != self.card.files.get(name):
            raise_unreadable(self.address(name), "it is damaged: its content is not what was saved")
        return data

    def check(self) -> "SavedModel":
        """Return this version after reading all of its files.

        Raises:
            UnreadableModel: when one is missing or differs from what was saved.
        """
        for name in self.card.files:
            self.read(name)
        return self


class Registry:
    """The models of one lake.

    Args:
        files: The lake's files.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    @classmethod
    def of(cls, lake: Lake) -> "Registry":
        """Return the registry of a lake."""
        return cls(lake.files)

    def save(self, card: ModelCard, files: Mapping[str, bytes], *, use: bool = True) -> SavedModel:
        """Save a model, and put it in use.

        Args:
            card: Its card; version and digests are filled in.
            files: Its files by name.
            use: False saves it beside the version in use.

        Returns:
            The saved version: the new one, or the one in use if its files are the same and whole.

        Raises:
            LakeUnwritable: the version before stays in use.
        """
        home = _folder(card.owner, card.name)
        digests = {name: _digest(data) for name, data in sorted(files.items())}
        with self._files.lock(home):
            current = self.load(card.owner, card.name, SavedModel.check)
            if current is not None and current.card.files == digests:
                return current
            content = _digest(json.dumps(digests).encode())
            version = f"{card.night}-{content[:8]}"
            card = replace(card, version=version, files=digests)
            folder = f"{home}/{version}"
            for name, data in files.items():
                self._files.replace(f"{folder}/{name}", data)
            self._files.replace(f"{folder}/{CARD}", card.to_json())
            self._files.replace(f"{folder}/{CARD_MARKDOWN}", card.to_markdown())
            if use:
                self._use(card.owner, card.name, version)
        return SavedModel(card, folder, self._files)

    def promote(self, owner: str, name: str, version: str) -> SavedModel:
        """Put another saved version in use.

        Raises:
            UnreadableModel: when there is no such version; nothing changes.
        """
        saved = self.open(owner, name, version)
        with self._files.lock(_folder(owner, name)):
            self._use(owner, name, version)
        return saved

    def current(self, owner: str, name: str) -> SavedModel | None:
        """Return the version in use, or None when none was ever saved.

        Raises:
            UnreadableModel: when the pointer or the card is damaged.
        """
        path = f"{_folder(owner, name)}/{CURRENT}"
        try:
            data = self._files.read(path)
        except FileNotFoundError:
            return None
        try:
            version = json.loads(data)["version"]
        except (ValueError, KeyError, TypeError):
            version = False
        if version is None:
            return None
        if not isinstance(version, str):
            raise_unreadable(self._files.address(path), "it does not name a version")
        return self.open(owner, name, version)

    def load(
        self,
        owner: str,
        name: str,
        read: Callable[[SavedModel], Model],
        *,
        version: str | None = None,
    ) -> Model | None:
        """Read a saved model; one that is damaged or missing counts as none, with a warning.

        Args:
            owner: A listener, or `_shared`.
            name: Kind of model.
            read: Function that reads what is needed of the saved version.
            version: The version; None for the one in use.

        Returns:
            What `read` returns, or None when there is no model that can be read.
        """
        try:
            saved = self.open(owner, name, version) if version else self.current(owner, name)
            return None if saved is None else read(saved)
        except UnreadableModel as error:
            LOG.warning("%s It counts as no model until a new one is trained.", error.what)
            return None

    def retire(self, owner: str, name: str) -> None:
        """Put no version in use any more; all stay saved."""
        with self._files.lock(_folder(owner, name)):
            if self.versions(owner, name):
                self._use(owner, name, None)

    def remove_old_versions(self, owner: str, name: str, *, keep: int) -> int:
        """Remove all but the newest versions and the one in use; return the number removed."""
        with self._files.lock(_folder(owner, name)):
            current = self.load(owner, name, lambda saved: saved.version)
            versions = self.versions(owner, name)
            kept = {*versions[-keep:], current}
            gone = [version for version in versions if version not in kept]
            for version in gone:
                for path in self._files.list(f"{_folder(owner, name)}/{version}"):
                    self._files.remove(path)
            return len(gone)

    def versions(self, owner: str, name: str) -> list[str]:
        """Return all saved versions, oldest night first."""
        home = _folder(owner, name)
        found = [path.removeprefix(f"{home}/") for path in self._files.list(home)]
        return sorted(path.removesuffix(f"/{CARD}") for path in found if path.endswith(f"/{CARD}"))

    def _use(self, owner: str, name: str, version: str | None) -> None:
        pointer = json.dumps({"version": version}) + "\n"
        self._files.replace(f"{_folder(owner, name)}/{CURRENT}", pointer.encode())

    def open(self, owner: str, name: str, version: str) -> SavedModel:
        """Open a saved version, in use or not.

        Raises:
            UnreadableModel: when there is no such version, or its card is damaged.
        """
        folder = f"{_folder(owner, name)}/{version}"
        address = self._files.address(f"{folder}/{CARD}")
        try:
            card = ModelCard.from_json(self._files.read(f"{folder}/{CARD}"))
        except FileNotFoundError:
            raise_unreadable(address, "the version in use has no card")
        except ValueError:
            raise_unreadable(address, "its card is damaged")
        return SavedModel(card, folder, self._files)


def _folder(owner: str, name: str) -> str:
    return f"models/{owner}/{name}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
