"""Routes of the pages on which a listener changes settings and playlists."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from smallhours.errors import SmallhoursError
from smallhours.vocabulary import EditKind, EditSubject
from smallhours.web.app import FORM_FIELD_NAME, MAY_WRITE, ListenerQuery, back, page
from smallhours.web.page_context import open_page_context

ListenerField = Annotated[str, Form()]


async def _read_form(request: Request) -> FormData:
    return await request.form()


_OF_EVERY_FORM = (FORM_FIELD_NAME, "listener", "do")
WholeForm = Annotated[FormData, Depends(_read_form)]


def add_editing_routes(app: FastAPI) -> None:
    """Add the routes."""
    _add_settings(app)
    _add_edits(app)


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


def _add_edits(app: FastAPI) -> None:
    """Add the routes of the page of blocks and corrections."""

    @app.get("/edits", response_class=HTMLResponse)
    def show_edits(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.web.edits_page import edits_page

        page_context = open_page_context(listener)
        return page(request, "edits", page_context, shown=edits_page(page_context), repeated=())

    @app.post("/edits", dependencies=MAY_WRITE)
    def edit(
        request: Request, listener: ListenerField, form: WholeForm, do: Annotated[str, Form()]
    ) -> Response:
        from smallhours.listening.edits import store_edit
        from smallhours.web.edits_page import edit_of, edits_page

        page_context = open_page_context(listener)
        wanted = edit_of(page_context, form)
        if do == "save":
            store_edit(page_context.lake, page_context.listener, wanted)
            return back("edits", listener=page_context.listener)
        repeated = [each for each in form.multi_items() if each[0] not in _OF_EVERY_FORM]
        shown = edits_page(page_context, wanted)
        return page(request, "edits", page_context, shown=shown, repeated=repeated)

    @app.post("/edits/undo", dependencies=MAY_WRITE)
    def undo(
        listener: ListenerField,
        kind: Annotated[EditKind, Form()],
        subject: Annotated[EditSubject, Form()],
        value: Annotated[str, Form()],
    ) -> Response:
        from smallhours.web.forms import take_back_edit

        page_context = open_page_context(listener)
        take_back_edit(page_context, kind, subject, value)
        return back("edits", listener=page_context.listener)
