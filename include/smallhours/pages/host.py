"""The interface through which the pages use Airflow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Dependency = Callable[..., Any]


@dataclass(frozen=True)
class Host:
    """Callables that give the pages access to Airflow.

    Attributes:
        may_read: A FastAPI dependency that refuses visitors who may not see the pages.
        writes: A FastAPI dependency that returns whether the visitor may press buttons.
        trigger: Starts a run of a DAG with a configuration; returns the run's id.
        partition_of: Returns the partition key, `<listener>@<night>`, of a run by DAG id and run
            id; None when it has none.
        warning: Returns an urgent message for a listener, such as that their login ends; or "".
        secret: Returns the key that signs the form tokens.
    """

    may_read: Dependency
    writes: Dependency
    trigger: Callable[[str, Mapping[str, Any]], str]
    partition_of: Callable[[str, str], str | None]
    warning: Callable[[str], str]
    secret: Callable[[], str]
