"""A PostgreSQL database is dumped while it is used, and loaded whole or not at all."""

from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from smallhours.local.airflow_database import load_postgres, write_database
from smallhours.local.archive import SQL, BackupError
from tests.postgres_fixture import PASSWORD, needs_postgres

pytestmark = [pytest.mark.slow(seconds=10), needs_postgres]


def test_a_dump_comes_back_and_a_broken_one_changes_nothing(
    postgres_url: URL, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg2", reason="it comes with the extra `postgres`")
    url = postgres_url
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE connection AS SELECT 'lastfm_me' AS conn_id"))

    assert write_database(url, tmp_path)
    assert (tmp_path / SQL).stat().st_mode & 0o777 == 0o600
    with engine.begin() as connection:
        connection.execute(text("UPDATE connection SET conn_id = 'later'"))

    broken = tmp_path / "broken.sql"
    broken.write_text((tmp_path / SQL).read_text() + "\nSELECT nothing;\n")
    with pytest.raises(BackupError, match="psql failed") as error:
        load_postgres(url, broken)
    assert PASSWORD not in str(error.value)
    assert names(url) == ["later"]

    load_postgres(url, tmp_path / SQL)
    assert names(url) == ["lastfm_me"]


def names(url: URL) -> list[str]:
    with create_engine(url).connect() as connection:
        return list(connection.scalars(text("SELECT conn_id FROM connection")))


def test_a_wrong_password_is_one_sentence_without_it(postgres_url: URL, tmp_path: Path) -> None:
    wrong = postgres_url.set(password="wrong-secret")
    with pytest.raises(BackupError, match="pg_dump failed") as error:
        write_database(wrong, tmp_path)
    assert "wrong-secret" not in str(error.value)
