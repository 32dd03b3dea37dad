"""The planned changes of a playlist, in forms for people to read.

As rows, which the command line draws with colours; as plain text for a log; as Markdown for the
Airflow page on which the listener approves a list.
"""

from collections.abc import Iterator
from typing import NamedTuple

from smallhours.playlist.publish.plan import Plan

_SIGNS = {"add": "+", "remove": "-", "move": "~", "keep": "=", "leave out": "x"}
_PAST = (
    ("add", "added"),
    ("remove", "removed"),
    ("move", "moved"),
    ("leave out", "left out"),
)


class ChangeLine(NamedTuple):
    """One line of the table.

    Attributes:
        sign: `+`, `-`, `~`, `=` or `x`.
        kind: The change in a word.
        name: Artist and title.
        why: The reason.
    """

    sign: str
    kind: str
    name: str
    why: str


def change_lines(planned: Plan) -> list[ChangeLine]:
    """Return the changes as lines: added, removed, moved, kept, left out."""
    order = list(_SIGNS)
    changes = sorted(planned.changes, key=lambda change: order.index(change.kind))
    return [
        ChangeLine(_SIGNS[change.kind], change.kind, change.name, change.why) for change in changes
    ]


def summarise(planned: Plan) -> str:
    """Return all changes as a sentence."""
    parts = [f"{len(planned.picks)} tracks"]
    parts += [f"{count} {past}" for kind, past in _PAST if (count := planned.count(kind))]
    if planned.own:
        parts.append(f"{len(planned.own)} of the listener's own kept")
    return ", ".join(parts) + "."


def as_text(planned: Plan) -> Iterator[str]:
    """Yield the lines of the table as plain text, for a log."""
    rows = change_lines(planned)
    width = min(max((len(line.name) for line in rows), default=0), 60)
    for line in rows:
        yield f"{line.sign} {_cut(line.name, width):<{width}}  {line.why}"
    yield summarise(planned)


def as_markdown(planned: Plan) -> str:
    """Return the table in Markdown."""
    body = "\n".join(
        f"| {line.sign} | {_cell(line.name)} | {_cell(line.why)} |"
        for line in change_lines(planned)
    )
    return f"{summarise(planned)}\n\n| | track | why |\n|---|---|---|\n{body}\n"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
