#!/bin/bash
# Measures `auspex report` beside the real aureport, report by report: of a store, and of the log itself;
# and the overview of a fleet of hosts made from the same log. Prints medians of whole processes, output
# to a file in memory.
#
#   run_report.sh [BUILD_DIRECTORY]                          e.g. build/release
#
# Needs ../shared/bench/build-host.log.zst beside the project, 1 GB in /dev/shm, and the real aureport
# (tests/fetch-real-tools.sh). Environment: RUNS (5), REAL_RUNS (1: the real tool takes long), HOSTS
# (1000), DAYS (7) and RECORDS (1000, of a host and day) of the fleet.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
hosts=${HOSTS:-1000}
days=${DAYS:-7}
records=${RECORDS:-1000}
runs_in=report-bench
. "$root/tests/bench/real_log.sh"

# Without the real one, if REAL is empty: it sorts 15,000 totals by exchanging neighbours, from the start
# again after each, and had not ended after 400 s.
row() {
  local store log real_time
  store=$(seconds "$runs" "$auspex" report --store store "$@")
  lines=$(wc -l < "$output")
  log=$(seconds "$runs" "$auspex" report -if log "$@")
  real_time=$([ -n "${REAL-yes}" ] && real aureport "$@" || echo -)
  printf '%-24s %9d %8s %8s %9s %12s %9s\n' "${*:-(summary)}" "$lines" "$store" "$log" "$real_time" \
    "$(echo "$real_time $store" | awk '{if ($1 != "-") printf "%.0f", $1 / $2}')" \
    "$(echo "$real_time $log" | awk '{if ($1 != "-") printf "%.0f", $1 / $2}')"
}

size() { "$auspex" store stats --store "$1" | awk '/bytes on disk|tallies/ {printf "%s %s%s", $1 == "tallies" ? ", tallies" : "bytes on disk", $1 == "tallies" ? $2 : $4, ""}'; }

echo "$(wc -l < log) records, $(stat -c %s log) bytes; store: $(size store)"
printf '%-24s %9s %8s %8s %9s %12s %9s\n' report lines store -if aureport "times store" "times -if"
row
row -x --summary
REAL='' row -f --summary
row -f
row -s
row -p
row -k
row -u
row -e -i
row -x --summary --failed

"$root/tests/bench/make_fleet.py" log "$hosts" "$days" "$records" |
  "$auspex" import --store fleet --host fleet - > /dev/null
fleet() { printf '%-44s %8s\n' "$*" "$(seconds "$runs" "$auspex" report --store fleet "$@")"; }
echo
"$auspex" store stats --store fleet | awk '/^(hosts|days|blocks|records in blocks|bytes of text)/'
echo "fleet of $hosts hosts, $days days: $(size fleet); seconds:"
fleet --by-host
fleet
fleet -x --summary
fleet -x --summary --by-host
fleet --host host0007
fleet --host 'host00*' -k --summary
# By columns: tallies do not tell what -nc asks.
fleet -nc -x --summary
