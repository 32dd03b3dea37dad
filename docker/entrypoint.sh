#!/bin/sh
# Runs a command in the image: takes secrets from files, and says what is missing on the host.
set -eu
umask 077

fail() {
  echo "error: $*" >&2
  exit 1
}

# take_secret VARIABLE NAME: reads a variable from the file that VARIABLE_FILE names. An empty file is
# as none, and an empty value as unset: compose passes both where the person gave nothing.
take_secret() {
  eval "value=\${$1:-} file=\${$1_FILE:-}"
  if [ -n "$file" ] && [ -s "$file" ]; then
    [ -z "$value" ] || fail "the secret $2 is given twice, as a value and as a file. Keep one of them in .env."
    value=$(cat "$file") || fail "user $(id -u) can't read the file of $2. On the host, let all read it, in a folder that only you can enter: chmod 644 FILE; chmod 700 FOLDER."
  fi
  unset "$1" "$1_FILE"
  [ -z "$value" ] || export "$1=$value"
}

take_secret PGPASSWORD POSTGRES_PASSWORD
take_secret AIRFLOW_FERNET_KEY AIRFLOW_FERNET_KEY
take_secret AIRFLOW_JWT_SECRET AIRFLOW_JWT_SECRET
take_secret REDIS_PASSWORD REDIS_PASSWORD
[ -n "${PGPASSWORD:-}${AIRFLOW__DATABASE__SQL_ALCHEMY_CONN:-}" ] ||
  fail "there is no password for PostgreSQL. Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE in .env; docs/docker.md has the line."
# Without these, Airflow's configuration in the home has a key and a secret that were made for it.
[ -z "${AIRFLOW_FERNET_KEY:-}" ] || export "AIRFLOW__CORE__FERNET_KEY=$AIRFLOW_FERNET_KEY"
[ -z "${AIRFLOW_JWT_SECRET:-}" ] || export "AIRFLOW__API_AUTH__JWT_SECRET=$AIRFLOW_JWT_SECRET"

if [ -n "${REDIS_PASSWORD:-}" ]; then
  quoted=$(python -c 'import os, urllib.parse as url; print(url.quote(os.environ["REDIS_PASSWORD"], safe=""))')
  export "AIRFLOW__CELERY__BROKER_URL=redis://:$quoted@redis:6379/0"
  unset REDIS_PASSWORD
fi

[ -w . ] ||
  fail "the folder home belongs to user $(stat -c %u .), and user $(id -u), as whom this runs, can't write there. On the host: sudo chown -R $(id -u) home; or set AIRFLOW_UID in .env to the number of its owner."

exec "$@"
