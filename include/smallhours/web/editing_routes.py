"""Routes of the pages on which a listener changes settings, lists and what is known of them."""

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from smallhours.errors import SmallhoursError
from smallhours.nights import parse_date
from smallhours.vocabulary import EditKind, EditSubject
from smallhours.web.app import MAY_WRITE, ListenerQuery, back, page
from smallhours.web.form_tokens import FORM_FIELD_NAME
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
    _add_playlists(app)
    _add_review(app)


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
        from smallhours.web.settings_page import (
            changes_in,
            preview_changes,
            save_changes,
            settings_page,
        )

        page_context = open_page_context(listener)
        changes = changes_in(page_context, form)
        told: dict[str, Any] = {}
        try:
            if do == "save" and not changes:
                return back("settings", listener=page_context.listener)
            if do == "save":
                saved = save_changes(page_context, changes)
                request.app.state.airflow_bridge.parse_again()
                page_context = open_page_context(listener)
                shown = settings_page(page_context, saved=saved)
                return page(request, "settings", page_context, shown=shown)
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


def _add_playlists(app: FastAPI) -> None:
    """Add the routes of the page of further playlists."""

    @app.get("/playlists", response_class=HTMLResponse)
    def show_playlists(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.web.playlists_page import playlists_page

        page_context = open_page_context(listener)
        return page(request, "playlists", page_context, shown=playlists_page(page_context))

    @app.post("/playlists", dependencies=MAY_WRITE)
    def make(listener: ListenerField, form: WholeForm) -> Response:
        from smallhours.web.playlists_page import make_playlist

        page_context = open_page_context(listener)
        make_playlist(page_context, form)
        return back("playlists", listener=page_context.listener)

    @app.post("/playlists/change", dependencies=MAY_WRITE)
    def change_one(
        listener: ListenerField,
        key: Annotated[str, Form()],
        do: Annotated[str, Form()],
        name: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        from smallhours.web.playlists_page import change_playlist

        page_context = open_page_context(listener)
        change_playlist(page_context, key, do, name)
        return back("playlists", listener=page_context.listener)


def _add_review(app: FastAPI) -> None:
    """Add the routes of the lists that wait for approval."""

    @app.get("/review", response_class=HTMLResponse)
    def show_review(request: Request, listener: ListenerQuery = None) -> Response:
        from smallhours.web.review_page import reviews

        page_context = open_page_context(listener)
        found = reviews(page_context, request.app.state.airflow_bridge.waiting())
        return page(request, "review", page_context, reviews=found)

    @app.post("/review", dependencies=MAY_WRITE)
    def answer(
        request: Request,
        listener: ListenerField,
        run: Annotated[str, Form()],
        do: Annotated[Literal["approve", "reject"], Form()],
    ) -> Response:
        request.app.state.airflow_bridge.answer(request, run, do == "approve")
        return back("review", listener=open_page_context(listener).listener)

    @app.post("/review/leave-out", dependencies=MAY_WRITE)
    def leave_out(
        listener: ListenerField,
        night: Annotated[str, Form()],
        intent: Annotated[str, Form()],
        track_key: Annotated[str, Form()],
    ) -> Response:
        from smallhours.web.review_page import leave_out_track

        page_context = open_page_context(listener)
        leave_out_track(page_context, parse_date(night), intent, track_key)
        return back("review", listener=page_context.listener)
