"""Airflow's home: made once, whole, and for its owner alone."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from smallhours.local.airflow import own_home
from smallhours.local.home_files import kept_jwt_secret, make_home
from smallhours.private_files import close_to_others, open_to_others

AT_ONCE = 8


def configuration(folder: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser()
    read.read_string((folder / "airflow.cfg").read_text(encoding="utf-8"))
    return read


def test_processes_that_start_at_once_get_one_key(tmp_path: Path) -> None:
    # Each makes the home as soon as all have started, and prints the key that Airflow then reads.
    program = (
        "import sys; from pathlib import Path; from smallhours.local.home_files import make_home;"
        "print('ready', flush=True); sys.stdin.readline(); make_home(Path(sys.argv[1]), {});"
        "print(Path(sys.argv[1], 'airflow.cfg').read_text())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "home")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = {process.communicate(timeout=60)[0].strip() for process in started}

    assert found == {(tmp_path / "home" / "airflow.cfg").read_text(encoding="utf-8").strip()}
    assert len(configuration(tmp_path / "home")["core"]["fernet_key"]) == 44
    assert open_to_others(tmp_path / "home") == []


def test_a_persons_own_configuration_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[core]\nfernet_key = theirs\n", encoding="utf-8")

    make_home(tmp_path, {})

    assert configuration(tmp_path)["core"]["fernet_key"] == "theirs"


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("[core]\nfernet_key = k\n", False),
        ("[api_auth]\njwt_secret =\n", False),
        ("[api_auth]\njwt_secret = 50% of it\n[api_auth]\n", True),
    ],
)
def test_a_configuration_of_ones_own_may_lack_the_secret_that_airflows_parts_share(
    tmp_path: Path, text: str, has: bool
) -> None:
    (tmp_path / "airflow.cfg").write_text(text, encoding="utf-8")

    kept = kept_jwt_secret(tmp_path)

    assert (kept is None) is has
    assert kept_jwt_secret(tmp_path) == kept  # sessions outlive a restart
    assert kept is None or len(kept) >= 64
    assert not has or not (tmp_path / "jwt_secret").exists()


def test_a_key_in_the_environment_is_the_one_that_is_written(tmp_path: Path) -> None:
    make_home(tmp_path / "home", {"AIRFLOW__CORE__FERNET_KEY": "theirs"})

    assert configuration(tmp_path / "home")["core"]["fernet_key"] == "theirs"


def test_a_configuration_elsewhere_is_respected(tmp_path: Path) -> None:
    make_home(tmp_path / "home", {"AIRFLOW_CONFIG": str(tmp_path / "mine.cfg")})

    assert list((tmp_path / "home").iterdir()) == []


def test_what_a_killed_process_left_unfinished_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg.tmp").write_text("[core]\nfern", encoding="utf-8")

    make_home(tmp_path, {})

    assert len(configuration(tmp_path)["core"]["fernet_key"]) == 44
    assert not (tmp_path / "airflow.cfg.tmp").exists()


def test_rights_of_others_are_taken_and_those_of_the_owner_stay(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "logs", elsewhere):
        folder.mkdir(parents=True)
    modes = {home: 0o755, home / "logs": 0o775, home / "run": 0o755, home / "airflow.db": 0o664}
    for path, mode in modes.items():
        path.touch()
        path.chmod(mode)
    elsewhere.chmod(0o755)
    (home / "link").symlink_to(elsewhere)
    assert set(open_to_others(home)) == set(modes)

    close_to_others(home)

    assert open_to_others(home) == []
    assert {path.name: path.stat().st_mode & 0o777 for path in modes} == {
        "home": 0o700,
        "logs": 0o700,
        "run": 0o700,
        "airflow.db": 0o600,
    }
    assert elsewhere.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("given", "home"), [(None, ".airflow"), ("", ".airflow"), ("elsewhere", "elsewhere")]
)
def test_up_runs_in_the_home_in_which_a_login_was_stored(
    given: str | None, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIRFLOW_HOME")
    if given is not None:
        monkeypatch.setenv("AIRFLOW_HOME", given)

    assert own_home(8080, tmp_path / "smallhours.toml").folder == tmp_path / home
