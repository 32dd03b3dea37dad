"""The cover image of a night's playlist, drawn from its audio features.

A night sky whose colour is the list's mean mood, and on it a ray for each track, clockwise from the
top: long for energy, warm for valence, wide for danceability, faint for acousticness. The same
features give the same picture.
"""

import colorsys
import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from smallhours.playlist.explain.description import TrackSound

SIDE = 640
# Spotify takes 256 KB of base 64, in which four characters stand for three bytes.
MAX_BYTES = 256 * 1024 // 4 * 3
_OVERSAMPLED = 2
_QUALITIES = (88, 75, 60, 40)


def draw_cover(sounds: Sequence[TrackSound]) -> bytes:
    """Return a JPEG of 640 by 640 points, of at most 192 KB.

    Args:
        sounds: Each track's, in the list's order; at least one.

    Raises:
        ValueError: without any track there is nothing to draw.
    """
    if not sounds:
        raise ValueError("there is nothing to draw")
    side = SIDE * _OVERSAMPLED
    picture = _sky(side, sounds)
    layer = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    for place, sound in enumerate(sounds):
        _ray(pen, side, place / len(sounds), 1 / len(sounds), sound)
    centre, moon = side / 2, side * 0.13
    pen.ellipse(
        (centre - moon, centre - moon, centre + moon, centre + moon), fill=(246, 241, 226, 255)
    )
    picture.paste(layer, (0, 0), layer)
    small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    return buffer.getvalue()


def _sky(side: int, sounds: Sequence[TrackSound]) -> Image.Image:
    """Return a gradient from near black to the list's mean colour."""
    count = len(sounds)
    valence = sum(sound.valence for sound in sounds) / count
    energy = sum(sound.energy for sound in sounds) / count
    top = colorsys.hsv_to_rgb(0.68 - 0.1 * valence, 0.6, 0.10)
    bottom = colorsys.hsv_to_rgb((0.72 + 0.22 * valence) % 1, 0.55, 0.22 + 0.25 * energy)
    strip = Image.new("RGB", (1, side))
    for y in range(side):
        share = y / (side - 1)
        mixed = (a + (b - a) * share for a, b in zip(top, bottom, strict=True))
        red, green, blue = (round(255 * part) for part in mixed)
        strip.putpixel((0, y), (red, green, blue))
    return strip.resize((side, side))


def _ray(pen: ImageDraw.ImageDraw, side: int, turn: float, room: float, sound: TrackSound) -> None:
    """Draw a wedge from the moon outwards; `turn` and `room` are shares of a whole turn."""
    centre = side / 2
    inner, outer = side * 0.16, side * (0.20 + 0.27 * sound.energy)
    half = math.pi * room * (0.35 + 0.55 * sound.danceability)
    angle = 2 * math.pi * (turn + room / 2) - math.pi / 2
    red, green, blue = colorsys.hsv_to_rgb(0.62 - 0.52 * sound.valence, 0.65, 0.95)
    corners = [
        (centre + radius * math.cos(angle + off), centre + radius * math.sin(angle + off))
        for radius, off in (
            (inner, -half / 2),
            (outer, -half),
            (outer, half),
            (inner, half / 2),
        )
    ]
    opacity = round(255 * (0.95 - 0.5 * sound.acousticness))
    pen.polygon(corners, fill=(round(255 * red), round(255 * green), round(255 * blue), opacity))
