"""Tests of the night's cover."""

import io
import random

import pytest
from PIL import Image

from smallhours.playlist.explain.description import TrackSound
from smallhours.playlist.publish.cover import MAX_BYTES, SIDE, draw_cover


def some(count: int, seed: int = 0) -> list[TrackSound]:
    dice = random.Random(seed)
    return [TrackSound(*(dice.random() for _ in range(4))) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 30, 500])
def test_it_is_a_square_jpeg_that_spotify_takes(count: int) -> None:
    jpeg = draw_cover(some(count))
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (SIDE, SIDE))
    assert len(jpeg) <= MAX_BYTES


def test_the_same_sounds_give_the_same_picture_and_others_another() -> None:
    assert draw_cover(some(30)) == draw_cover(some(30))
    assert draw_cover(some(30)) != draw_cover(some(30, seed=1))


def test_without_tracks_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_cover([])
