"""The steps of the Dockerfile, as far as they run without Docker.

Building from nothing downloads 900 MB: `SMALLHOURS_IMAGE_STEPS=1` runs it, in a clean environment
of Python 3.12. Otherwise only the last step is run, which needs no network.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
RUN = re.findall(r"(?m)^RUN (.+)$", DOCKERFILE)
PYTHON = shutil.which("python3.12")


def test_every_package_is_installed_by_its_hash_or_from_the_checkout() -> None:
    installs = [step for step in RUN if "pip install" in step]

    assert len(installs) == 2
    assert {"--require-hashes", "--only-binary=:all:"} <= set(installs[0].split())
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(installs[1].split())


def test_it_ends_as_a_user_who_is_not_root() -> None:
    assert re.findall(r"(?m)^USER (\S+)", DOCKERFILE)[-1].partition(":")[0] not in {"0", "root"}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """The image's working folder, after all of its COPY steps."""
    sent = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    folder = tmp_path / "image"
    folder.mkdir()
    copies = re.findall(r"(?m)^COPY (.+) (\S+)$", DOCKERFILE)
    assert copies
    for sources, target in copies:
        for source in sources.split():
            assert f"!{source}" in sent, f"{source} is not sent to Docker"
            place = folder / target / ("" if target != "./" else source)
            if (CHECKOUT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(CHECKOUT / source, place, ignore=ignored)
            else:
                shutil.copy(CHECKOUT / source, place)
    return folder


def run(step: str, folder: Path, environment: Path) -> str:
    """Run a step as Docker does, with an environment in place of the image's Python."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        ["/bin/sh", "-c", step],
        cwd=folder,
        env={**env, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow(seconds=10)
def test_what_is_copied_is_enough_to_install_smallhours(context: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment)
    packages = sysconfig.get_path(
        "purelib", vars={"base": str(environment), "platbase": str(environment)}
    )
    Path(packages, "locked.pth").write_text(sysconfig.get_path("purelib"))
    pip = environment / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip --python "{environment}" "$@"\n')
    pip.chmod(0o755)

    run(RUN[-2], context, environment)
    run(RUN[-1], context, environment)

    assert run("smallhours --version", tmp_path, environment).startswith("smallhours ")
    where = run("python -c 'import smallhours; print(smallhours.__file__)'", tmp_path, environment)
    assert Path(where.strip()).is_relative_to(context)


@pytest.mark.slow(seconds=300)
@pytest.mark.timeout(0)  # as long as the network takes
@pytest.mark.skipif(
    not os.environ.get("SMALLHOURS_IMAGE_STEPS"), reason="SMALLHOURS_IMAGE_STEPS is not set"
)
@pytest.mark.skipif(not PYTHON, reason="there is no python3.12 here")
def test_the_image_is_built_from_nothing(context: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    # The image's pip is newer than that of some Pythons: before 23.3, pip overlooks the pin of a
    # package whose extra another one asks for.
    subprocess.run([str(PYTHON), "-m", "venv", "--upgrade-deps", environment], check=True)

    for step in RUN:
        if not re.search("apt-get|/usr/local|/entrypoint", step):  # of the image alone
            run(step, context, environment)

    assert run("smallhours --version", tmp_path, environment).startswith("smallhours ")
    assert run("airflow version", tmp_path, environment).startswith("3.")
