"""The shapes of replies that the live check compares with: those of the sandbox.

    python -m smallhours_sandbox.simulation.known_shapes

writes them to the product's `checkup/known_shapes.json`.
"""

import datetime as dt
import json
from importlib.resources import files
from itertools import chain
from pathlib import Path

from smallhours.checkup.live import KNOWN_FILE, LiveCheck
from smallhours.checkup.shapes import Shape
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import SandboxCredentials, settings_for
from smallhours_sandbox.state import SandboxState


def sandbox_shapes(lake: Path) -> dict[str, Shape]:
    """Return what the listeners of a small world see, by service and question.

    Args:
        lake: A folder, in which nothing is written but the count of calls.
    """
    found: dict[str, Shape] = {}
    # In worlds of version 2 all listeners have an account on every service.
    world = generate_world(artists=120, tracks=1_000, scrobbles=3_000, generator=2)
    with SandboxServer(SandboxState(world)) as sandbox:
        for listener in sandbox.state.world.listeners:
            services = ("lastfm", "listenbrainz", "spotify")
            settings = settings_for(listener, sandbox.url, lake, services=services)
            now = dt.datetime.fromtimestamp(sandbox.state.now, dt.UTC)
            check = LiveCheck(
                listener, settings, SandboxCredentials(), now, print, known=None, shapes=found
            )
            check.ask_all()
            for error in chain.from_iterable(each.failures for each in check.replies):
                raise error
    return dict(sorted(found.items()))


def main() -> None:
    """Write the known shapes."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        known = sandbox_shapes(Path(folder))
    stored = {name: shape.to_json(lengths=False) for name, shape in known.items()}
    path = Path(str(files("smallhours.checkup").joinpath(KNOWN_FILE)))
    path.write_text(json.dumps({"replies": stored}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
