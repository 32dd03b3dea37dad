"""Reactions to past playlists by night, list, slot and kind of reason.

Pure functions over `playlists`, `recommendations` and `feedback`. Each share comes with its Wilson
interval: three saved of thirty tracks may mean a true rate of one in forty or one in four.
"""

from collections.abc import Sequence

import pandas as pd

from smallhours.training.evaluation.uncertainty import wilson
from smallhours.vocabulary import ACCEPTED, BUTTONS, SHOWN, Reaction

# Reactions to a pick, in the order in which they are shown.
REACTIONS = (
    *(Reaction.KEPT, Reaction.PLAYED, Reaction.SAVED, Reaction.REMOVED),
    *(Reaction.SKIPPED, Reaction.PASSED, *BUTTONS),
)
PICK = ["night", "intent", "track_key"]
UNKNOWN = "unknown"


def picks(playlists: pd.DataFrame, recommendations: pd.DataFrame) -> pd.DataFrame:
    """Return every pick that was in a published playlist, by its first night.

    Feedback belongs to the first night, too.

    Args:
        playlists: Rows of `playlists` of one listener.
        recommendations: Rows of `recommendations` of the same nights; `night` as text or date.

    Returns:
        `night`, `intent`, `track_key`, `slot`, `reason_kind`.
    """
    shown = playlists[playlists["outcome"].isin(SHOWN)]
    rows = shown[["night", "intent", "track_keys"]].explode("track_keys", ignore_index=True)
    rows = rows.rename(columns={"track_keys": "track_key"}).dropna(subset=["track_key"])
    rows = rows.sort_values(["night", "intent", "track_key"], kind="stable")
    rows = rows.drop_duplicates(["intent", "track_key"], ignore_index=True)
    told = recommendations.reindex(columns=[*PICK, "slot", "reason_kind"])
    # Without rows the columns have no type of their own.
    told = told.assign(night=[_day(each) for each in told["night"]]).astype(object)
    joined = (
        rows.assign(night=[_day(each) for each in rows["night"]])
        .astype(object)
        .merge(told.drop_duplicates(PICK), on=PICK, how="left")
    )
    for column in ("slot", "reason_kind"):
        named = [each if isinstance(each, str) and each else UNKNOWN for each in joined[column]]
        joined[column] = pd.Series(named, index=joined.index, dtype=object)
    return joined


def outcomes(
    feedback: pd.DataFrame,
    recommendations: pd.DataFrame,
    playlists: pd.DataFrame,
    *,
    by: Sequence[str] = ("night",),
) -> pd.DataFrame:
    """Return the share of each reaction among the picks of each group.

    Args:
        feedback: Rows of `feedback` of one listener.
        recommendations: Rows of `recommendations`.
        playlists: Rows of `playlists`.
        by: Any of `night`, `intent`, `slot` and `reason_kind`; empty for all picks together.

    Returns:
        The columns of `by`, `reaction` (one of REACTIONS, or `accepted`: played, saved or thumbed
        up), `shown` picks, `n` of them with the reaction, `share`, `low` and `high`.
    """
    shown = picks(playlists, recommendations)
    reacted = feedback[[*PICK, "reaction"]].drop_duplicates()
    reacted = reacted.assign(night=[_day(each) for each in reacted["night"]])
    welcome = reacted.loc[reacted["reaction"].isin(ACCEPTED), PICK].drop_duplicates()
    told = pd.concat([reacted, welcome.assign(reaction="accepted")], ignore_index=True)
    rows = []
    groups = shown.groupby(list(by), sort=True) if by else [((), shown)]
    for group, members in groups:
        mine = members[PICK].merge(told, on=PICK)["reaction"].value_counts()
        for reaction in (*REACTIONS, "accepted"):
            n = int(mine.get(reaction, 0))
            share = wilson(n, len(members))
            rows.append((*group, reaction, len(members), n, share.value, share.low, share.high))
    columns = [*by, "reaction", "shown", "n", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def trend(by_night: pd.DataFrame, reaction: str = "accepted", *, nights: int = 7) -> pd.DataFrame:
    """Return a reaction's share over the nights, as a rolling mean.

    Args:
        by_night: The result of `outcomes(..., by=("night",))`.
        reaction: The reaction.
        nights: Number of lists in the window.

    Returns:
        `night`, `shown`, `n`, `share`, `low`, `high`, in order of the nights.
    """
    rows = by_night[by_night["reaction"] == reaction].sort_values("night", ignore_index=True)
    together = rows[["shown", "n"]].rolling(nights, min_periods=1).sum().astype(int)
    shares = [
        wilson(n, shown)
        for n, shown in zip(together["n"].tolist(), together["shown"].tolist(), strict=True)
    ]
    return pd.DataFrame(
        {
            "night": rows["night"],
            "shown": together["shown"],
            "n": together["n"],
            "share": [each.value for each in shares],
            "low": [each.low for each in shares],
            "high": [each.high for each in shares],
        }
    )


def _day(night: object) -> str:
    """Return a night as an ISO date: a partition's value is text, a column's is a date."""
    return str(night)
