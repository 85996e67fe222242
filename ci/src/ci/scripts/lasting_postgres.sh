#!/bin/sh
# Starts PostgreSQL on data that lasts, in the official image.
# A first start that was killed leaves half a cluster, which the image would take for a whole one: it is made anew.
# Nothing is lost by that, since nobody was let in before the last of the first start's scripts had run.
set -eu

complete="$PGDATA/complete"
[ -e "$complete" ] || rm -rf "$PGDATA"

cat >/docker-entrypoint-initdb.d/zz-last.sh <<END
psql -v ON_ERROR_STOP=1 --username "\$POSTGRES_USER" --dbname postgres -c \
    'CREATE TABLE deployments (number bigserial PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())'
touch "$complete"
END

exec docker-entrypoint.sh postgres
