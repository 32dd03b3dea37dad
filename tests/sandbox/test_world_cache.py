from pathlib import Path

import numpy as np
import pytest

from smallhours_sandbox import cache
from smallhours_sandbox.cache import load_or_generate, read_world, write_world
from smallhours_sandbox.world import World


def _small(folder: Path, seed: int = 3) -> World:
    return load_or_generate(folder, seed, 40, 300, ("ada",), 200)


def _never(*_: object) -> World:
    raise AssertionError("this must come from the cache")


def test_a_world_comes_back_from_disk_as_it_was(tmp_path: Path, small_world: World) -> None:
    path = tmp_path / "world.npz"
    write_world(small_world, path)
    again = read_world(path)
    assert again.fingerprint() == small_world.fingerprint()
    assert again.track_title == small_world.track_title
    assert again.track_featured == small_world.track_featured
    assert again.tags == small_world.tags
    assert (again.begins, again.ends) == (small_world.begins, small_world.ends)
    assert np.array_equal(again.track_features, small_world.track_features)
    assert np.array_equal(again.track_similar.ids, small_world.track_similar.ids)
    for name, before in small_world.listeners.items():
        after = again.listeners[name]
        assert np.array_equal(after.play_at, before.play_at)
        assert np.array_equal(after.taste.liking, before.taste.liking)
        assert after.taste.clusters == before.taste.clusters
        assert (after.saved, after.loved) == (before.saved, before.loved)
        assert after.own_playlists == before.own_playlists
        assert after.timezone == before.timezone


def test_the_second_load_generates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _small(tmp_path)
    monkeypatch.setattr(cache, "generate_world", _never)
    assert _small(tmp_path).fingerprint() == first.fingerprint()


def test_other_arguments_are_another_file(tmp_path: Path) -> None:
    _small(tmp_path)
    _small(tmp_path, 4)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("keep", [0, 100, 20_000])
def test_a_damaged_cache_is_built_again(tmp_path: Path, keep: int) -> None:
    first = _small(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert _small(tmp_path).fingerprint() == first.fingerprint()
    assert read_world(path).fingerprint() == first.fingerprint()


def test_the_file_holds_no_pickle(tmp_path: Path, small_world: World) -> None:
    write_world(small_world, tmp_path / "world.npz")
    with np.load(tmp_path / "world.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)
