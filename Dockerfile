# Airflow's own image, with what requirements.txt locks and with Smallhours.
FROM apache/airflow:3.3.2-python3.12

COPY --chown=airflow:0 requirements.txt /opt/airflow/
RUN pip install --no-cache-dir --require-hashes -r /opt/airflow/requirements.txt

COPY --chown=airflow:0 pyproject.toml README.md LICENSE /opt/airflow/
COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 plugins /opt/airflow/plugins
# Editable, so that the package is the one of the checkout's layout; what it needs is there.
RUN pip install --no-cache-dir --no-deps --editable /opt/airflow

# Where a volume is mounted it takes over this folder's owner.
RUN mkdir -p /opt/airflow/data
