"""Saving of scikit-learn models as bytes, and safe loading of them.

Never by pickle: unpickling runs what the file says. skops writes the model's state and rebuilds
only types that were agreed to beforehand; any other type in a file is refused, whoever put it
there. The same model gives the same bytes.
"""

import io
import json
import zipfile
from types import MappingProxyType
from typing import Any, NoReturn

import skops.io

from smallhours.errors import LakeError
from smallhours.training.regression import TRUSTED_TYPES

# Types that a saved model may hold beside those of scikit-learn and NumPy that skops trusts.
TRUSTED = frozenset(
    {
        "smallhours.training.regression.bayesian_ridge.SparseBayesianRidge",
        "smallhours.training.first_seed.FirstSeedClassifier",
        "smallhours.training.first_seed.split_tags",
        "smallhours.training.tag_counts.TopTags",
        "smallhours.training.taste.classifier.TasteClassifier",
        *TRUSTED_TYPES,
    }
)
# Old module -> present module, for types in saved models that may still be in use.
MOVED_MODULES = MappingProxyType(
    {
        "smallhours.training.bayesian_ridge": "smallhours.training.regression.bayesian_ridge",
        "smallhours.training.taste_classifier": "smallhours.training.taste.classifier",
        "smallhours.training.formats.top_tags": "smallhours.training.tag_counts",
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


class UnreadableModel(LakeError):
    """A saved model is damaged, or holds a type that may not be loaded."""


def dump_model(model: Any) -> bytes:
    """Return a fitted estimator as bytes; equal estimators give equal bytes."""
    return _canonical(skops.io.dumps(model))


def load_model(data: bytes, *, where: str) -> Any:
    """Rebuild an estimator.

    Args:
        data: The result of `dump_model`.
        where: The file's address, for error messages.

    Raises:
        UnreadableModel: when it is damaged or holds a type that is not trusted.
    """
    try:
        data = _with_current_modules(data)
        unknown = set(skops.io.get_untrusted_types(data=data)) - TRUSTED
        model = None if unknown else skops.io.loads(data, trusted=sorted(TRUSTED))
    except Exception as error:
        # A damaged archive, or one of other versions of the libraries, may fail in any way.
        raise_unreadable(where, f"it is damaged ({type(error).__name__})")
    if unknown:
        raise_unreadable(
            where, f"it holds {', '.join(sorted(unknown))}, which Smallhours never saves"
        )
    return model


def raise_unreadable(where: str, why: str) -> NoReturn:
    """Raise UnreadableModel with the remedy: train anew."""
    raise UnreadableModel(
        f"The model at {where} was not loaded: {why}.",
        remedy="The next night learns a new one; for one at once, run train_models.",
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
    numbered here in the order in which they appear, and files carry no date.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    schema = json.loads(contents.pop(_SCHEMA))
    names: dict[str, str] = {}
    _renumber(schema, {}, names)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for old_name, name in names.items():
            new.writestr(_entry(name), contents[old_name])
        new.writestr(_entry(_SCHEMA), json.dumps(schema, indent=1))
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIXED_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _renumber(node: Any, ids: dict[int, int], names: dict[str, str]) -> None:
    """Renumber a schema in place; a tag may be called `file`, and then its value is a node."""
    if isinstance(node, list):
        for child in node:
            _renumber(child, ids, names)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__id__"), int):
        node["__id__"] = ids.setdefault(node["__id__"], len(ids))
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = names.setdefault(node["file"], f"{len(names)}.{suffix}")
    for child in node.values():
        _renumber(child, ids, names)
