# Smallhours: Python, the packages that the locks name, and the product.
#
# The base is named by its digest, which is the same for amd64 and arm64. To build on a newer one:
#   docker buildx imagetools inspect python:3.12-slim      prints it
#   docker compose build --build-arg PYTHON_IMAGE=python:3.12-slim@sha256:...
ARG PYTHON_IMAGE=python:3.12-slim@sha256:a6e34c598f2467ed0e9a8d349809fcd8b5c603269512df273a0bb1784edc11b1
FROM ${PYTHON_IMAGE}

# pg_dump and psql, of the version of PostgreSQL in docker-compose.yaml: backups need them.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*

# The root file system is read-only when it runs: what is not compiled now is compiled at each start.
RUN python -m compileall -q -j 0 -x 'site-packages|/test/' /usr/local/lib/python3.12

# Where Airflow's official chart looks for it, in its health checks.
RUN ln -s /opt/smallhours/docker/entrypoint.sh /entrypoint

WORKDIR /opt/smallhours
COPY requirements.txt requirements-build.txt requirements-workers.txt ./
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: -r requirements.txt -r requirements-build.txt \
    -r requirements-workers.txt

COPY pyproject.toml README.md LICENSE ./
COPY include ./include
COPY dags ./dags
COPY plugins ./plugins
COPY docker ./docker
# Editable, so that the package finds dags/ and plugins/ where the checkout has them.
RUN pip install --no-cache-dir --no-index --no-deps --no-build-isolation --editable .
RUN python -m compileall -q -j 0 include dags plugins

ENV AIRFLOW_HOME=/home/smallhours/.airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/smallhours/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/smallhours/plugins \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    HOME=/home/smallhours \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SMALLHOURS_PASTE=1 \
    USER=smallhours

# Everything of the listener's is here: the settings, the lake, Airflow's home. Any user may run it.
WORKDIR /home/smallhours
USER 50000:0
ENTRYPOINT ["/opt/smallhours/docker/entrypoint.sh"]
CMD ["smallhours", "--help"]
