"""Documents with tables and figures, as Markdown and as a self-contained HTML page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from smallhours.web.charts import standalone_svg

_STYLE = """
:root{color-scheme:light dark;--ground:#fbfaf7;--ink:#1d1f21;--faint:#68707a;--rule:#d9d5cc}
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--ink:#e6e3dd;--faint:#9aa1a8;
--rule:#363a3f}}
body{background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif;margin:0}
main{max-width:78rem;margin:0 auto;padding:2rem 1.2rem 4rem}
h1,h2{line-height:1.2}h2{margin-top:3rem;border-top:1px solid var(--rule);padding-top:1.2rem}
p,li{max-width:46rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.84rem;margin:.4rem 0 1.2rem}
caption{text-align:left;color:var(--faint);padding:.4rem 0}
th,td{padding:.22rem .6rem;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th:first-child,td:first-child,th.text,td.text{text-align:left}
thead th{border-bottom:1px solid var(--ink)}tbody tr+tr td{border-top:1px solid var(--rule)}
td.best{font-weight:700}
td.text:not(:first-child){white-space:normal;min-width:9rem}
figure{margin:1.5rem 0;overflow-x:auto}
figcaption{color:var(--faint);font-size:.9rem;max-width:46rem}
code{font-size:.9em}
"""


@dataclass(frozen=True)
class ReportTable:
    """A table.

    Attributes:
        caption: Its caption.
        head: Names of its columns.
        rows: Its cells as text.
        text: Indices of columns with words; the others hold numbers.
        best: (row, column) of the cells to be shown bold.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: frozenset[int] = frozenset({0})
    best: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class ReportFigure:
    """A picture.

    Attributes:
        name: Name of its file, without ending.
        svg: The picture.
        caption: Its caption.
    """

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class ReportSection:
    """A heading with its content; text may hold `code` in backticks and is plain otherwise."""

    title: str
    parts: Sequence[str | Sequence[str] | ReportTable | ReportFigure] = field(default_factory=tuple)


@dataclass(frozen=True)
class ReportDocument:
    """A report."""

    title: str
    sections: Sequence[ReportSection]

    def figures(self) -> list[ReportFigure]:
        """Return all pictures, in their order."""
        return [
            p for section in self.sections for p in section.parts if isinstance(p, ReportFigure)
        ]


def to_markdown(document: ReportDocument, figures_at: str = "figures") -> str:
    """Return the report as Markdown, with its pictures in a folder beside it."""
    blocks = [f"# {document.title}"]
    for section in document.sections:
        blocks.append(f"## {section.title}")
        for part in section.parts:
            if isinstance(part, ReportFigure):
                blocks.append(
                    f"![{part.caption}]({figures_at}/{part.name}.svg)\n\n*{part.caption}*"
                )
            elif isinstance(part, ReportTable):
                blocks.append(_markdown_table(part))
            elif isinstance(part, str):
                blocks.append(part)
            else:
                blocks.append("\n".join(f"- {item}" for item in part))
    return "\n\n".join(blocks) + "\n"


def to_html(document: ReportDocument) -> str:
    """Return the report as one page that includes pictures and style, without scripts."""
    body = [f"<h1>{_inline(document.title)}</h1>"]
    for section in document.sections:
        body.append(f"<h2>{_inline(section.title)}</h2>")
        for part in section.parts:
            if isinstance(part, ReportFigure):
                caption = f"<figcaption>{_inline(part.caption)}</figcaption>"
                body.append(f'<figure tabindex="0">{part.svg}{caption}</figure>')
            elif isinstance(part, ReportTable):
                body.append(_html_table(part))
            elif isinstance(part, str):
                body.append(f"<p>{_inline(part)}</p>")
            else:
                items = "".join(f"<li>{_inline(item)}</li>" for item in part)
                body.append(f"<ul>{items}</ul>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(document.title)}</title><style>{_STYLE}</style></head>\n"
        "<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def picture_files(document: ReportDocument) -> dict[str, str]:
    """Return the pictures as files of their own, by file name."""
    return {f"{figure.name}.svg": standalone_svg(figure.svg) for figure in document.figures()}


def _markdown_table(table: ReportTable) -> str:
    def cell(content: str, spot: tuple[int, int]) -> str:
        content = content.replace("|", "\\|").replace("\n", " ")
        return f"**{content}**" if spot in table.best and content else content

    lines = [
        f"*{table.caption}*",
        "",
        "| " + " | ".join(name.replace("|", "\\|") for name in table.head) + " |",
        "|" + "|".join("---" if c in table.text else "--:" for c in range(len(table.head))) + "|",
    ]
    lines += [
        "| " + " | ".join(cell(content, (r, c)) for c, content in enumerate(row)) + " |"
        for r, row in enumerate(table.rows)
    ]
    return "\n".join(lines)


def _html_table(table: ReportTable) -> str:
    def kind(spot: tuple[int, int]) -> str:
        names = ["text"] * (spot[1] in table.text) + ["best"] * (spot in table.best)
        return f' class="{" ".join(names)}"' if names else ""

    head = "".join(
        f'<th scope="col"{kind((-1, c))}>{_inline(name)}</th>' for c, name in enumerate(table.head)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind((r, c))}>{_inline(cell)}</td>" for c, cell in enumerate(row))
        + "</tr>"
        for r, row in enumerate(table.rows)
    )
    return (
        f'<div class="wide" tabindex="0"><table><caption>{_inline(table.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _inline(text: str) -> str:
    """Return escaped text, with text in backticks as code."""
    pieces = html.escape(text).split("`")
    return "".join(
        f"<code>{piece}</code>" if at % 2 and at < len(pieces) - 1 else piece
        for at, piece in enumerate(pieces)
    )
