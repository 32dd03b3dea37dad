"""A lake of an older format, as pages and commands read it before a run migrates it."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from smallhours.lake.schema import Table
from smallhours.lake.store import Lake

PREFIX = "prefix"


class OlderLake(Lake):
    """A lake of an older format: what is about an artist may lie in another of its files."""

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
        filters: pc.Expression | None = None,
    ) -> pa.Table:
        """Return the rows as `Lake.read` does, of all prefixes."""
        where = {name: values for name, values in (where or {}).items() if name != PREFIX}
        return super().read(table, columns=columns, where=where, filters=filters)
