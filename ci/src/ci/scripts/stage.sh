#!/bin/sh
# Runs the commands of one stage, in order, until one fails, and leaves a record of it beside the stage's reports:
#   logs/STAGE.txt     what the commands printed
#   times/STAGE.json   when they started and ended (seconds since the epoch) and the exit code
# Usage: stage.sh REPORTS STAGE COMMAND...    Each COMMAND is one line of shell.
#   CI_SECONDS         how long the commands may take together; none or 0: as long as they like
#   CI_MEGABYTES       how much data each process may have; none: as much as there is
# Ends with the exit code of the last command, or with 143 when the time is over: no engine keeps that as a result.
set -u

if [ "$1" = --commands ]; then
    shift
    for command in "$@"; do
        printf '$ %s\n' "$command"
        sh -c "$command" || exit $?
    done
    exit 0
fi

reports=$1
stage=$2
seconds=${CI_SECONDS:-0}
shift 2

mkdir -p "$reports/logs" "$reports/times"
record="$reports/times/$stage.json"
log="$reports/logs/$stage.txt"
if [ -n "${CI_MEGABYTES:-}" ]; then
    ulimit -d $((CI_MEGABYTES * 1024))
fi

# A pipe's exit code is that of its last program, so the commands' own is left in the record's place.
started=$(date +%s.%N)
{
    timeout --kill-after=10 "$seconds" sh "$0" --commands "$@" 2>&1 </dev/null
    echo $? >"$record"
} | tee "$log"
ended=$(date +%s.%N)

code=$(cat "$record")
# 124 is what timeout ends with, 137 when it had to kill; a command that ends so by itself does it before the time is over.
if [ "$seconds" -gt 0 ] && [ $((${ended%.*} - ${started%.*})) -ge "$seconds" ]; then
    case $code in
        124 | 137)
            code=143
            echo "ended after $seconds s, the time that this stage may take" | tee -a "$log"
            ;;
    esac
fi
printf '{"stage": "%s", "started": %s, "ended": %s, "exit_code": %s}\n' \
    "$stage" "$started" "$ended" "$code" >"$record"
exit "$code"
