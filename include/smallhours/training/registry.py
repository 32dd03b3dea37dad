"""The model registry: saved versions of models, and which version is in use.

    <lake>/models/<listener or _shared>/<name>/<version>/   the model's files, card.json, card.md
    <lake>/models/<listener or _shared>/<name>/current.json the version in use

A version is named after its night and the content of its files. `current.json` is replaced last
and in one step. Until then nobody reads the new folder, so a reader finds the old model or
the new one, whole, on a disk and on an object store alike. A model that comes out the same as the
one in use keeps its version.

A damaged or missing model counts as none: `load` says so in the log, and the next training saves
and promotes a new one.

Estimators are never pickled: unpickling runs what the file says. skops writes a model's state and
rebuilds only types that were agreed to beforehand; any other type in a file is refused, whoever put
it there. The same model gives the same bytes.
"""

import datetime as dt
import hashlib
import io
import json
import logging
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from smallhours.errors import LakeError
from smallhours.lake.files import Files
from smallhours.lake.store import Lake
from smallhours.training.model_card import ModelCard

LOG = logging.getLogger(__name__)

# Types that a saved model may hold beside those of scikit-learn and NumPy that skops trusts.
TRUSTED = frozenset(
    {
        "smallhours.training.regression.bayesian_ridge.SparseBayesianRidge",
        "smallhours.training.first_seed.FirstSeedClassifier",
        "smallhours.training.first_seed.split_tags",
        "smallhours.training.top_tags.TopTags",
        "smallhours.training.taste.classifier.TasteClassifier",
    }
)
# Old module -> present module, for types in saved models that may still be in use.
MOVED_MODULES = MappingProxyType(
    {
        "smallhours.training.bayesian_ridge": "smallhours.training.regression.bayesian_ridge",
        "smallhours.training.taste_classifier": "smallhours.training.taste.classifier",
        "smallhours.training.formats.top_tags": "smallhours.training.top_tags",
        "smallhours.training.tag_counts": "smallhours.training.top_tags",
        "smallhours.training.tags": "smallhours.training.top_tags",
        "smallhours.training.regression.experts": (
            "smallhours.training.regression.tag_feature_regressor"
        ),
        "smallhours.training.regression.known_artists": (
            "smallhours.training.regression.artist_folds"
        ),
        "smallhours.training.regression.tag_ridge": (
            "smallhours.training.regression.linear_tag_regressor"
        ),
        "smallhours.training.regression.targets": "smallhours.training.regression.folded_regressor",
    }
)
_SCHEMA = "schema.json"
# The earliest moment that a zip file can state.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)

# Owner of the models of all listeners. Listeners' names start with a letter or a digit.
SHARED = "_shared"
CARD = "card.json"
CARD_MARKDOWN = "card.md"
CURRENT = "current.json"

Model = TypeVar("Model")


class UnreadableModel(LakeError):
    """A saved model is damaged, or holds a type that may not be loaded."""


def dump_model(model: Any) -> bytes:
    """Return a fitted estimator as bytes; equal estimators give equal bytes."""
    return _canonical(_skops_io().dumps(model))


def load_model(data: bytes, *, where: str) -> Any:
    """Rebuild an estimator.

    Args:
        data: The result of `dump_model`.
        where: The file's address, for error messages.

    Raises:
        UnreadableModel: when it is damaged or holds a type that is not trusted.
    """
    from smallhours.training.regression import TRUSTED_TYPES

    skops_io, trusted = _skops_io(), TRUSTED | TRUSTED_TYPES
    try:
        data = _with_current_modules(data)
        unknown = set(skops_io.get_untrusted_types(data=data)) - trusted
        model = None if unknown else skops_io.loads(data, trusted=sorted(trusted))
    except Exception as error:
        # A damaged archive, or one of other versions of the libraries, may fail in any way.
        raise_unreadable(where, f"it is damaged ({type(error).__name__})")
    if unknown:
        raise_unreadable(
            where, f"it holds {', '.join(sorted(unknown))}, which Smallhours never saves"
        )
    return model


def _skops_io() -> Any:
    """Return skops, which imports all of scikit-learn: only who opens a model needs it."""
    with warnings.catch_warnings():
        # skops reads the attributes of all loaded modules; 1,160 of Airflow's are deprecated, and
        # each would be a line in a task's log.
        warnings.simplefilter("ignore")
        import skops.io
    return skops.io


def raise_unreadable(where: str, why: str) -> NoReturn:
    """Raise UnreadableModel with the remedy: train anew."""
    raise UnreadableModel(
        f"The model at {where} was not loaded: {why}.",
        remedy="The next night learns a new one; for one at once, trigger the DAG train_models.",
    )


def _with_current_modules(archive: bytes) -> bytes:
    """Return the archive with the present module of every type that has moved."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        schema = old.read(_SCHEMA).decode()
        if not any(f'"{module}"' in schema for module in MOVED_MODULES):
            return archive
        contents = {name: old.read(name) for name in old.namelist()}
    for before, now in MOVED_MODULES.items():
        schema = schema.replace(f'"{before}"', f'"{now}"')
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for name, content in {**contents, _SCHEMA: schema.encode()}.items():
            new.writestr(name, content)
    return out.getvalue()


def _canonical(archive: bytes) -> bytes:
    """Return the archive without anything that differs from run to run.

    skops numbers objects by their memory address and dates the files in its archive. Objects are
    numbered here in the order in which they appear, and files carry no date. Files of the same
    content are one.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    schema = json.loads(contents.pop(_SCHEMA))
    names: dict[bytes, str] = {}
    _renumber(schema, {}, names, contents)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for content, name in names.items():
            new.writestr(_entry(name), content)
        new.writestr(_entry(_SCHEMA), json.dumps(schema, indent=1))
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIXED_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _renumber(
    node: Any, ids: dict[int, int], names: dict[bytes, str], contents: Mapping[str, bytes]
) -> None:
    """Renumber a schema in place; a tag may be called `file`, and then its value is a node."""
    if isinstance(node, list):
        for child in node:
            _renumber(child, ids, names, contents)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__id__"), int):
        node["__id__"] = ids.setdefault(node["__id__"], len(ids))
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = names.setdefault(contents[node["file"]], f"{len(names)}.{suffix}")
    for child in node.values():
        _renumber(child, ids, names, contents)


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

    def version_in_use(self, owner: str, name: str) -> str | None:
        """Return the name of the version in use, by its card alone; None when there is none."""
        return self.load(owner, name, lambda saved: saved.version)

    def retire(self, owner: str, name: str) -> None:
        """Put no version in use any more; all stay saved."""
        with self._files.lock(_folder(owner, name)):
            if self.versions(owner, name):
                self._use(owner, name, None)

    def remove_old_versions(self, owner: str, name: str, *, keep: int) -> int:
        """Remove all but the newest versions and the one in use; return the number removed."""
        with self._files.lock(_folder(owner, name)):
            current = self.version_in_use(owner, name)
            versions = self.versions(owner, name)
            kept = {*versions[-keep:], current}
            gone = [version for version in versions if version not in kept]
            for version in gone:
                for path in self._files.list(f"{_folder(owner, name)}/{version}"):
                    self._files.remove(path)
            return len(gone)

    def discard(self, owner: str, name: str) -> None:
        """Remove all versions of a model that is no longer learned, and what was recorded of it."""
        if self.versions(owner, name):
            with self._files.lock(_folder(owner, name)):
                for path in self._files.list(_folder(owner, name)):
                    self._files.remove(path)

    def versions(self, owner: str, name: str) -> list[str]:
        """Return all saved versions, oldest night first."""
        home = _folder(owner, name)
        found = [path.removeprefix(f"{home}/") for path in self._files.list(home)]
        return sorted(path.removesuffix(f"/{CARD}") for path in found if path.endswith(f"/{CARD}"))

    def last_trained(self, owner: str, name: str) -> dt.date | None:
        """Return the night that the newest version was trained for; None if there is none."""
        versions = self.versions(owner, name)
        # A version's name begins with its night.
        return dt.date.fromisoformat(versions[-1][:10]) if versions else None

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
