"""Covers of albums, as Spotify's image host and the Cover Art Archive serve them: as small SVGs."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

SIZES = (640, 300, 64)


def album_images(album_id: str, base: str) -> list[dict[str, Any]]:
    """Return the ImageObjects of an album, the largest first.

    Args:
        album_id: its Spotify id.
        base: scheme and host of addresses.
    """
    return [
        {"url": f"{base}/image/{album_id}-{size}", "height": size, "width": size} for size in SIZES
    ]


def image_routes() -> list[Route]:
    """Return the routes of both hosts; they ask for no login."""
    return [
        Route("/image/{key}", _serve, methods=["GET"]),
        Route("/coverart/release/{mbid}/{name}", _redirect, methods=["GET"]),
    ]


async def _redirect(request: Request) -> Response:
    """Lead to the picture elsewhere, as the Cover Art Archive does."""
    return RedirectResponse(f"/image/{request.path_params['mbid']}-250", status_code=307)


async def _serve(request: Request) -> Response:
    album_id, _, size = request.path_params["key"].rpartition("-")
    return Response(_draw(album_id, size if size.isdigit() else "300"), media_type="image/svg+xml")


def _draw(album_id: str, size: str) -> str:
    """Return a cover of two colours and one shape, the same for an album every time."""
    seed = hashlib.blake2b(album_id.encode(), digest_size=6).digest()
    hue, other, kind = seed[0] * 360 // 256, seed[1] * 360 // 256, seed[2] % 3
    x, y, extent = 20 + seed[3] % 60, 20 + seed[4] % 60, 20 + seed[5] % 25
    shape = (
        f'<circle cx="{x}" cy="{y}" r="{extent}"/>',
        f'<path d="M{x - extent} 100L{x} {y - 20}L{x + extent} 100z"/>',
        f'<path d="M0 {y}h100v{extent}h-100z"/>',
    )[kind]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="{size}" '
        f'height="{size}"><path fill="hsl({hue} 45% 40%)" d="M0 0h100v100H0z"/>'
        f'<g fill="hsl({other} 55% 65%)">{shape}</g></svg>'
    )
