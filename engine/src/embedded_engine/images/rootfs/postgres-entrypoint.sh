#!/bin/bash
# Makes a database cluster at the first start, then runs the server, never as root.
# The server that runs during the first start has no TCP port: who can connect by TCP finds everything in place.
set -Eeuo pipefail

fail() {
    printf 'Error: %s\n' "$*" >&2
    exit 1
}

# NAME or NAME_FILE, which names a file with the value (a mounted secret); both at once is a mistake.
from_file() {
    local name=$1 default=${2:-} file_name="$1_FILE"
    if [[ -n ${!name:-} && -n ${!file_name:-} ]]; then
        fail "$name and $file_name are both set, but exclude each other"
    fi
    if [[ -n ${!file_name:-} ]]; then
        export "$name=$(<"${!file_name}")"
    else
        export "$name=${!name:-$default}"
    fi
    unset "$file_name"
}

# Whether the command only asks for help or the version, for which no cluster is needed.
only_asks() {
    local word
    for word in "$@"; do
        case $word in
            -'?' | --help | --describe-config | -V | --version) return 0 ;;
        esac
    done
    return 1
}

own_directories() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 0700 "$PGDATA"
    chmod 3775 /var/run/postgresql
    [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || install -d -m 0700 "$POSTGRES_INITDB_WALDIR"
    if [[ $(id -u) == 0 ]]; then
        find "$PGDATA" /var/run/postgresql ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"} \
            ! -user postgres -exec chown postgres: {} +
    fi
}

check_access() {
    if [[ -z $POSTGRES_PASSWORD && ${POSTGRES_HOST_AUTH_METHOD:-} != trust ]]; then
        fail "the database is not initialised and no superuser password is given: set POSTGRES_PASSWORD to a value" \
            "that is not empty, or POSTGRES_HOST_AUTH_METHOD=trust to let everybody in without one (not recommended)"
    fi
}

make_cluster() {
    local -a arguments=(--pgdata="$PGDATA" --username="$POSTGRES_USER") own
    [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || arguments+=(--waldir="$POSTGRES_INITDB_WALDIR")
    # By standard input, so that no argument and no file shows it; initdb takes no empty one.
    [[ -z $POSTGRES_PASSWORD ]] || arguments+=(--pwfile=/dev/stdin)
    # The user's own arguments are words of a shell, as documented.
    eval "own=(${POSTGRES_INITDB_ARGS:-})"
    initdb "${arguments[@]}" "${own[@]}" <<<"$POSTGRES_PASSWORD"
    local method=${POSTGRES_HOST_AUTH_METHOD:-}
    [[ -n $method ]] || method=$(postgres -C password_encryption "$@")
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

# SQL from standard input or with the given arguments, as the superuser, in the database if there is one yet.
docker_process_sql() {
    local -a arguments=(-v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc)
    [[ -z ${POSTGRES_DB:-} ]] || arguments+=(--dbname "$POSTGRES_DB")
    PGHOST='' PGHOSTADDR='' psql "${arguments[@]}" "$@"
}

make_database() {
    local found
    found=$(POSTGRES_DB='' docker_process_sql --dbname postgres --set db="$POSTGRES_DB" --tuples-only \
        <<<"SELECT 1 FROM pg_database WHERE datname = :'db';")
    if [[ -z $found ]]; then
        POSTGRES_DB='' docker_process_sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
}

run_scripts() {
    local script
    for script in "$@"; do
        case $script in
            *.sh)
                printf '%s: running %s\n' "$0" "$script"
                if [[ -x $script ]]; then "$script"; else
                    # shellcheck disable=SC1090
                    . "$script"
                fi
                ;;
            *.sql) printf '%s: running %s\n' "$0" "$script" && docker_process_sql -f "$script" ;;
            *.sql.gz) printf '%s: running %s\n' "$0" "$script" && gunzip -c "$script" | docker_process_sql ;;
            *.sql.xz) printf '%s: running %s\n' "$0" "$script" && xzcat "$script" | docker_process_sql ;;
            *.sql.zst) printf '%s: running %s\n' "$0" "$script" && zstd -dc "$script" | docker_process_sql ;;
            *) printf '%s: ignoring %s\n' "$0" "$script" ;;
        esac
    done
}

first_start() {
    check_access
    shopt -s nullglob
    local -a scripts=(/docker-entrypoint-initdb.d/*)
    shopt -u nullglob
    make_cluster
    export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
    local options
    options=$(printf '%q ' "$@" -c listen_addresses='' -p "${PGPORT:-5432}")
    NOTIFY_SOCKET='' PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -o "$options" -w start
    make_database
    run_scripts "${scripts[@]}"
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

[[ ${1:-} != -* ]] || set -- postgres "$@"

if [[ ${1:-} == postgres ]] && ! only_asks "$@"; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    own_directories
    if [[ $(id -u) == 0 ]]; then
        HOME=/var/lib/postgresql exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
    fi
    if [[ -s $PGDATA/PG_VERSION ]]; then
        printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
    else
        first_start "${@:2}"
    fi
fi

exec "$@"
