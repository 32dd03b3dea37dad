"""Routes of the pages on which a listener changes settings and playlists."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from smallhours.errors import SmallhoursError
from smallhours.web.app import MAY_WRITE, ListenerQuery, back, page
from smallhours.web.page_context import open_page_context

ListenerField = Annotated[str, Form()]


async def _read_form(request: Request) -> FormData:
    return await request.form()


WholeForm = Annotated[FormData, Depends(_read_form)]


def add_editing_routes(app: FastAPI) -> None:
    """Add the routes."""
    _add_settings(app)


def _add_settings(app: FastAPI) -> None:
    """Add the routes of the Settings page."""

    @app.get("/settings", response_class=HTMLResponse)
    def show_settings(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.web.settings_page import settings_page

        page_context = open_page_context(listener)
        return page(request, "settings", page_context, shown=settings_page(page_context))

    @app.post("/settings", dependencies=MAY_WRITE)
    def change(
        request: Request, listener: ListenerField, form: WholeForm, do: Annotated[str, Form()]
    ) -> Response:
        from smallhours.settings_file import change_settings
        from smallhours.web.settings_page import changes_in, preview_changes, settings_page

        page_context = open_page_context(listener)
        changes = changes_in(page_context, form)
        told: dict[str, Any] = {}
        try:
            if do == "save":
                change_settings(changes)
                return back("settings", listener=page_context.listener)
            told["preview"] = preview_changes(page_context, changes)
        except SmallhoursError as error:
            told["error"] = f"{error.what}\n{error.remedy}"
        shown = settings_page(page_context, form, **told)
        status = 400 if shown.error else 200
        return page(request, "settings", page_context, status=status, shown=shown)
