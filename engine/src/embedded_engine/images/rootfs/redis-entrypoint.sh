#!/bin/sh
# Runs the server as its own user, reachable from other containers unless a configuration says otherwise.
set -eu

case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

# Whether the arguments, or the configuration file that may be the first of them, set the protected mode.
sets_protected_mode() {
    for word in "$@"; do
        [ "$word" != --protected-mode ] || return 0
    done
    [ -f "${1:-}" ] && grep -q '^[[:space:]]*protected-mode[[:space:]]' "$1"
}

if [ "${1:-}" = redis-server ]; then
    shift
    case "${1:-}" in
        --version | -v | --help | -h) exec redis-server "$@" ;;
    esac
    # A container's only clients are its neighbours: without this, a server without a password answers loopback only.
    sets_protected_mode "$@" || set -- "$@" --protected-mode no
    set -- redis-server "$@"
    if [ "$(id -u)" = 0 ]; then
        find . ! -user redis -exec chown redis: {} +
        HOME=/data exec setpriv --reuid=redis --regid=redis --init-groups -- "$@"
    fi
fi

exec "$@"
