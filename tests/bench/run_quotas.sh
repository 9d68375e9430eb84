#!/bin/bash
# What 99 quiet hosts notice of one that floods: the time to their acknowledgements alone, beside a client that
# sends all it can, beside an agent that does in batches of 2 MB, and beside each of them when they have a quota.
# Only what one run prints can be compared: a machine that has other work is slower in all of it.
#
#   run_quotas.sh [BUILD_DIRECTORY] [LOG]        LOG, which agents send: ../shared/bench/build-host.log.zst
#
# Environment: RUNS (3), SECONDS_EACH (5), RATE (5 records/s of each quiet host), QUOTA (1000 records/s).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
packed=${2:-$root/../shared/bench/build-host.log.zst}
runs=${RUNS:-3}
quota=${QUOTA:-1000}

runs_in=quota-bench
. "$root/tests/bench/server.sh"

make_ca
certify server localhost
for agent in 1 2 3 4; do certify "agent$agent" "agent$agent"; done
zstd -dcq "$packed" > "$directory/audit.log" 2> /dev/null || true
# As much of it as makes an agent busy for longer than a run.
for _ in 1 2 3 4; do cat "$directory/audit.log"; done > "$directory/much.log"

# Runs one case, and adds its line to the table. Usage: measure NAME FLOOD STREAMS [KEY=VALUE ...]
measure() {
  local name=$1 flood=$2 streams=$3 agents=
  shift 3
  start ready tcp_listen_port=0 api_listen_port=0 "api_certificate_file=$directory/server.crt" \
    "api_key_file=$directory/server.key" "api_ca_file=$directory/ca.crt" "$@"
  if [ "$streams" -gt 0 ]; then
    local api_port
    api_port=$(sed -n 's/^info api .*port=\([0-9]*\).*/\1/p' "$directory/log")
    "$build/bin/bench/ingest_bench" --port "$api_port" --ca "$directory/ca.crt" --certificates "$directory" \
      --log "$directory/much.log" --streams "$streams" --batch-records 8000 > "$directory/agents" 2>&1 &
    agents=$!
    # It makes its batches first.
    for _ in $(seq 600); do
      grep -q "stream begun" "$directory/log" && break
      kill -0 $agents
      sleep 0.1
    done
  fi
  "$build/bin/bench/quota_bench" --port "$port" --rate "${RATE:-5}" --seconds "${SECONDS_EACH:-5}" \
    --flood "$flood" | sed "s/^/$name: /" | tee -a "$directory/table"
  if [ -n "$agents" ]; then
    kill -0 $agents 2> /dev/null || echo "$name: the agents were done before"
    kill $agents 2> /dev/null || true
    wait $agents || true
  fi
  stop
}

for _ in $(seq "$runs"); do
  measure "alone" 0 0
  measure "client floods" 1 0
  measure "client floods, quota" 1 0 "quota_records=$quota"
  if [ -s "$directory/much.log" ]; then
    measure "agent floods" 0 1
    measure "agent floods, quota" 0 1 "quota_records=$quota"
    measure "4 agents flood" 0 4
    measure "4 agents flood, quota" 0 4 "quota_records=$quota"
  fi
done

echo "medians of $runs runs:"
python3 - "$directory/table" <<'PYTHON'
import collections, re, statistics, sys

cases = collections.defaultdict(list)
for line in open(sys.argv[1]):
    name, figures = line.split(": ", 1)
    numbers = re.search(r"p50 ([\d.]+) ms, p99 ([\d.]+) ms, max ([\d.]+) ms; flood: (\d+)", figures)
    cases[name].append([float(number) for number in numbers.groups()])
print("%-24s %10s %10s %10s %16s" % ("99 quiet hosts", "p50 ms", "p99 ms", "max ms", "flood records/s"))
for name, runs in cases.items():
    print("%-24s %10.2f %10.2f %10.2f %16.0f" % (name, *map(statistics.median, zip(*runs))))
PYTHON
