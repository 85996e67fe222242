#!/bin/sh
# Runs the commands of one stage, in order, until one fails, and leaves a record of it beside the stage's reports:
#   logs/STAGE.txt     what the commands printed
#   times/STAGE.json   when they started and ended (seconds since the epoch) and the exit code
# Usage: stage.sh REPORTS STAGE COMMAND...    Each COMMAND is one line of shell.
set -u

reports=$1
stage=$2
shift 2

run() {
    for command in "$@"; do
        printf '$ %s\n' "$command"
        sh -c "$command" || return $?
    done
}

mkdir -p "$reports/logs" "$reports/times"
record="$reports/times/$stage.json"

# A pipe's exit code is that of its last program, so the commands' own is left in the record's place.
started=$(date +%s.%N)
{
    run "$@" 2>&1 </dev/null
    echo $? >"$record"
} | tee "$reports/logs/$stage.txt"
ended=$(date +%s.%N)

code=$(cat "$record")
printf '{"stage": "%s", "started": %s, "ended": %s, "exit_code": %s}\n' \
    "$stage" "$started" "$ended" "$code" >"$record"
exit "$code"
