"""Routes of pages without a place in the menu: the letter, and a study's report."""

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from smallhours.web.app import PAGE_HEADERS, ListenerQuery, address, page
from smallhours.web.page_context import open_page_context

NameQuery = Annotated[str, Query(max_length=100)]


def add_linked_routes(app: FastAPI) -> None:
    """Add the routes."""

    @app.get("/letter", response_class=HTMLResponse)
    def show_letter(
        request: Request,
        listener: ListenerQuery = None,
        year: Annotated[int | None, Query(ge=1900, le=9998)] = None,
    ) -> Response:
        from smallhours.playlist.explain.letter import (
            heading,
            letter_facts,
            sentences,
            week_before,
            year_of,
        )

        page_context = open_page_context(listener)
        days = year_of(year) if year else week_before(page_context.today)
        facts = letter_facts(page_context.lake, page_context.listener, page_context.zone, *days)
        told = sentences(facts)
        return page(request, "letter", page_context, heading=heading(facts), sentences=told)

    @app.get("/study", response_class=HTMLResponse)
    def show_study(name: NameQuery, listener: ListenerQuery = None) -> Response:
        """Show the report of a study, as it was written."""
        from smallhours.web.models_page import study_reports

        page_context = open_page_context(listener)
        if (reports := study_reports()) is None:
            raise HTTPException(404, "The study is not installed.")
        back_to = address("models", listener=page_context.listener)
        content = reports.page(page_context, name, back=back_to)
        policy = {"Content-Security-Policy": reports.policy}
        return HTMLResponse(content, headers={**PAGE_HEADERS, **policy})
