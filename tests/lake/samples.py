"""Rows for tests of the lake, and Hypothesis strategies that draw them."""

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from smallhours.lake.parquet import with_partition
from smallhours.lake.schema import COUNT, DAY, FLAG, MOMENT, REAL, TEXT, TEXTS, Column, Table
from smallhours.lake.tables import PLAYS

MINE = {"listener": "default", "month": "2026-10"}


def play(minute: int = 0, **other: Any) -> dict[str, Any]:
    """Return one play in October 2026, `minute` minutes after the month began."""
    at = dt.datetime(2026, 10, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
    row: dict[str, Any] = {c.name: None for c in PLAYS.columns}
    row |= {"played_at": at, "artist": "Björk", "title": "Jóga", "track_key": "björk · jóga"}
    return row | {"ordinal": 0, "sources": ["lastfm"]} | other


def plays(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return the rows as a frame of plays."""
    return pd.DataFrame(list(rows))


# A little table with every kind of column, for properties.
SAMPLE = Table(
    "plays",
    "one sample",
    ("listener", "month"),
    ("at", "name"),
    (
        Column("at", MOMENT, "When."),
        Column("name", TEXT, "Who."),
        Column("day", DAY, "A day.", nullable=True),
        Column("figure", REAL, "A real number.", nullable=True),
        Column("count", COUNT, "A count.", nullable=True),
        Column("small", pa.int16(), "A small count."),
        Column("flag", FLAG, "Yes or no.", nullable=True),
        Column("words", TEXTS, "Some words.", nullable=True),
    ),
)

_FIRST = dt.datetime(2005, 1, 1, tzinfo=dt.UTC)
_moments = st.integers(0, 3).map(lambda n: _FIRST + dt.timedelta(microseconds=n))
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_row = st.fixed_dictionaries(
    {
        "at": _moments,
        "name": st.sampled_from(["a", "b", "", "·", "\x00", "é"]),
        "day": st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)),
        "figure": st.none() | st.floats(allow_nan=False),
        "count": st.none() | st.integers(-(2**31), 2**31 - 1),
        "small": st.integers(-3, 3),
        "flag": st.none() | st.booleans(),
        "words": st.none() | st.lists(_texts, max_size=3),
        "listener": st.sampled_from(["default", "a/b", "%2F", "ü ="]),
        "month": st.sampled_from(["2026-10", "2026-11"]),
    }
)


def identity(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the partition and key of a row, which no other row shares."""
    return tuple(row[name] for name in (*SAMPLE.partition, *SAMPLE.key))


samples = st.lists(_row, max_size=12, unique_by=identity)
keys = st.lists(_row.map(identity), max_size=6, unique=True)


def sample_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return sample rows as a pyarrow table, partition columns included."""
    return pa.Table.from_pylist(rows, schema=with_partition(SAMPLE))


def key_table(found: list[tuple[Any, ...]]) -> pa.Table:
    """Return keys of rows as a table for `merge(delete=...)`."""
    names = (*SAMPLE.partition, *SAMPLE.key)
    schema = pa.schema([with_partition(SAMPLE).field(name) for name in names])
    return pa.Table.from_pylist(
        [dict(zip(names, key, strict=True)) for key in found], schema=schema
    )
