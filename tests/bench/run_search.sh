#!/bin/bash
# Measures `auspex search` beside the real ausearch, command by command: of a store, of the log itself, and
# what a dump of the whole store takes. Prints medians of whole processes, output to a file in memory.
#
#   run_search.sh [BUILD_DIRECTORY]                          e.g. build/release
#
# Needs ../shared/bench/build-host.log.zst beside the project, 1 GB in /dev/shm, and the real ausearch
# (tests/fetch-real-tools.sh). Environment: RUNS (5), REAL_RUNS (1: the real tool takes long).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
runs_in=search-bench
. "$root/tests/bench/real_log.sh"

row() {
  local store log real_time
  store=$(seconds "$runs" "$auspex" search --store store "$@")
  lines=$(wc -l < "$output")
  log=$(seconds "$runs" "$auspex" search -if log "$@")
  real_time=$(real ausearch "$@")
  printf '%-44s %9d %8s %8s %9s %9s\n' "$*" "$lines" "$store" "$log" "$real_time" \
    "$(echo "$real_time $log" | awk '{if ($1 != "-") printf "%.0f", $1 / $2}')"
}

pid=$(grep -o ' pid=[0-9]*' log | sed -n 50000p | cut -d= -f2)
first=$(head -1 log | grep -o 'audit([0-9]*' | cut -d'(' -f2)
minute=$((first / 60 * 60))
date=$(date -u -d "@$minute" +%m/%d/%y)
begin=$(date -u -d "@$minute" +%H:%M:%S)
end=$(date -u -d "@$((minute + 59))" +%H:%M:%S)

echo "$(wc -l < log) records, $(stat -c %s log) bytes; seconds:"
printf '%-44s %9s %8s %8s %9s %9s\n' search lines store -if ausearch "times -if"
row -k fsmod -r
row -x /usr/bin/make
row -sc rename -sv no -i
row -sc rename -i
row -f /etc/shadow -r
row -p "$pid"
row -ts "$date" "$begin" -te "$date" "$end"
row -k nothing
row -sv no --format csv
row -m ALL -r

dump=$(seconds "$runs" "$auspex" search --store store -r)
bytes=$(stat -c %s "$output")
echo "raw dump of the store: $bytes bytes, $(echo "$bytes $dump" | awk '{printf "%.0f", $1 / $2 / 1e6}') MB/s"
