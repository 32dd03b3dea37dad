"""The preview of publishing: what it would change in one playlist."""

from dataclasses import replace

from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.places.place import Place
from smallhours.playlist.publish.ledger import MAIN
from smallhours.playlist.publish.plan import Plan
from smallhours.playlist.publish.stage import Publication
from smallhours.settings import Settings


def plan_playlist(
    listener: str,
    lake: Lake,
    place: Place,
    *,
    settings: Settings,
    night: Night,
    intent: str = MAIN,
) -> Plan:
    """Return what publishing would change in one playlist now; nothing is written anywhere.

    Raises:
        SmallhoursError: as `publish_playlist`.
    """
    publication = Publication(listener, lake, place, settings, night, intent)
    planned = publication.plan_on(publication.find_playlist())
    return replace(planned, obstacle=publication.problem() or planned.obstacle)
