"""The interface through which the pages use Airflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Dependency = Callable[..., Any]


@dataclass(frozen=True)
class AirflowBridge:
    """Callables that give the pages access to Airflow.

    Attributes:
        may_read: A FastAPI dependency that refuses visitors who may not see the pages.
        may_write: A FastAPI dependency that returns whether the visitor may press buttons.
        trigger: Starts a run of a DAG with a configuration; returns the run's id.
        partition_of: The partition key, `<listener>@<night>`, of a run by its DAG's id and its
            own; None when it has none.
        warning: What a listener should know at once, such as that their login ends; or empty.
        paused: The DAGs of the night that are paused, so that no list is made.
        resume: Lets paused DAGs run again.
        secret: Signs the tokens of the forms.
    """

    may_read: Dependency
    may_write: Dependency
    trigger: Callable[[str, Mapping[str, Any]], str]
    partition_of: Callable[[str, str], str | None]
    warning: Callable[[str], str]
    paused: Callable[[], Sequence[str]]
    resume: Callable[[Sequence[str]], None]
    secret: Callable[[], str]
