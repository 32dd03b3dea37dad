"""The command `demo`: a night of the real DAGs against the sandbox."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `demo`."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[Path, typer.Option(help="Where everything of the demo lies.")] = Path(
        ".demo"
    ),
    stay: Annotated[
        bool | None,
        typer.Option(
            "--stay/--leave",
            help="Leave Airflow's pages up afterwards; default: when this is a terminal.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run one night with the real scheduler against the sandbox, and show the playlist."""
    from smallhours_sandbox.demo.driver import run_demo

    raise typer.Exit(run_demo(folder, stay=stay))
