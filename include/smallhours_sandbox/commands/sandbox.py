"""The command `sandbox`: a local Spotify and Last.fm over a generated world."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from smallhours.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add `sandbox`."""
    app.command("sandbox")(sandbox)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8700,
    seed: Annotated[int, typer.Option(help="Of the generated world.")] = 1983,
    artists: Annotated[int, typer.Option(min=1)] = 3_000,
    tracks: Annotated[int, typer.Option(min=1)] = 40_000,
    scrobbles: Annotated[int, typer.Option(min=0, help="Of the first listener, about.")] = 90_000,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps the generated world.")
    ] = None,
    state_file: Annotated[
        Path | None, typer.Option(help="Where to go on from, and to save to.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="A log of real scrobbles (CSV) to serve instead.")
    ] = None,
    artist_tags: Annotated[
        Path | None, typer.Option(help="Real artist tags (CSV) that go with --replay.")
    ] = None,
    user: Annotated[str, typer.Option(help="The listener's name with --replay.")] = "listener",
) -> None:
    """Serve a local Spotify, Last.fm and ReccoBeats, on 127.0.0.1, until Ctrl+C."""
    from smallhours_sandbox.server import SandboxOptions, SandboxServerError, run
    from smallhours_sandbox.state import SandboxStateError

    given: dict[str, Any] = locals()
    options = SandboxOptions(**{field.name: given[field.name] for field in fields(SandboxOptions)})
    try:
        run(options, echo=typer.echo)
    except (SandboxServerError, SandboxStateError, FileNotFoundError) as error:
        raise SettingsError(f"The sandbox: {error}.", remedy="Correct its options.") from None
