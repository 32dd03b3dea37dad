"""Small sets of rows for the study, in which the artist's tags determine the features."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallhours.lake.files import open_files
from smallhours_study.grid import FEATURES, Grid
from smallhours_study.results import StudyFolder
from smallhours_study.study_rows import StudyRows

# Fits in a second: no nightly model, no tokens.
SMALL = Grid.of(models=["bayes", "linear"], formats=["tags", "apart"], limits=[2, 10])


def some_rows(*, artists: int = 30, each: int = 4, **changes: Any) -> StudyRows:
    """Return tracks of loud and calm artists, with noise."""
    rng = np.random.default_rng(3)
    names, own, theirs, targets = [], [], [], []
    for artist in range(artists):
        loud = float(rng.uniform())
        for _ in range(each):
            names.append(f"artist {artist}")
            own.append({"sad": 100.0} if rng.random() < 0.5 else {})
            theirs.append({"loud": 1 + 99 * loud, "calm": 1 + 99 * (1 - loud), "hip-hop": 50.0})
            truth = np.array([0.5 + 0.3 * loud, 1 - loud, loud, 0.4 + 0.2 * loud, 0.8 - 0.6 * loud])
            targets.append(np.clip(truth + rng.normal(0, 0.05, 5), 0, 1))
    rows = StudyRows(
        origin="made by hand",
        artists=names,
        own=own,
        artist_tags=theirs,
        raw=[
            {**mine, **{tag.replace("hip-hop", "Hip-Hop"): n for tag, n in tags.items()}}
            for mine, tags in zip(own, theirs, strict=True)
        ],
        plays=[1] * len(names),
        targets=np.array(targets),
        left_out=["2 tracks without tags"],
    )
    return dataclasses.replace(rows, **changes)


def a_folder(path: Path) -> StudyFolder:
    return StudyFolder(open_files(str(path)))


def write_tables(folder: Path, *, artists: int = 30) -> list[Path]:
    """Write a table of tracks and one of artists' tags."""
    rng = np.random.default_rng(4)
    values = {name: rng.random(3 * artists).round(3) for name in FEATURES}
    tracks = pd.DataFrame(
        {
            "artist": [f"Artist {at // 3}" for at in range(3 * artists)],
            "tags": ["indie_rock,sad", "", "Hip-Hop"] * artists,
            **values,
        }
    )
    tags = pd.DataFrame(
        [(f"artist {at}", tag, 40) for at in range(artists) for tag in ("Hip-Hop", "null")],
        columns=["artist", "tag", "count"],
    )
    paths = [folder / "tracks.csv.gz", folder / "artist_tags.parquet"]
    tracks.to_csv(paths[0], index=False)
    tags.to_parquet(paths[1])
    return paths
