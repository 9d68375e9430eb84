#!/bin/bash
# Measures batches over the API: starts auspexd on a store on disk with certificates made for it, lets
# ingest_bench send the log of a busy host, and prints the medians of the rates beside what an import
# of the same log takes. Durable and indexed: each run ends when all is acknowledged; how long the
# indexer then still has to go is printed, too.
#
#   run_ingest.sh [BUILD_DIRECTORY] [LOG]        LOG: ../shared/bench/build-host.log.zst
#
# Environment: RUNS (5), STREAMS ("1 16"), BATCH_RECORDS (1000), SETTINGS ("KEY=VALUE ..." of auspexd.conf).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
packed=${2:-$root/../shared/bench/build-host.log.zst}
runs=${RUNS:-5}
batch_records=${BATCH_RECORDS:-1000}

runs_in=ingest-bench
. "$root/tests/bench/server.sh"

make_ca
certify server localhost
zstd -dcq "$packed" > "$directory/audit.log"

echo "import of the log: $(
  /usr/bin/time -f '%e s' "$build/bin/auspex" import --store "$directory/imported" --host h \
    "$directory/audit.log" 2>&1 > /dev/null | tail -1)"
made=0
for streams in ${STREAMS:-1 16}; do
  while [ "$made" -lt "$streams" ]; do
    made=$((made + 1))
    certify "agent$made" "agent$made"
  done
  for _ in $(seq "$runs"); do
    # shellcheck disable=SC2086  # Words, or none.
    start api api_listen_port=0 "api_certificate_file=$directory/server.crt" \
      "api_key_file=$directory/server.key" "api_ca_file=$directory/ca.crt" ${SETTINGS:-}
    "$build/bin/bench/ingest_bench" --port "$port" --ca "$directory/ca.crt" \
      --certificates "$directory" --log "$directory/audit.log" --streams "$streams" \
      --batch-records "$batch_records" | tr '\n' ' '
    memory=$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$server/status")
    stop
    echo "auspexd: $memory MB at most"
  done | tee "$directory/runs"
  sed 's|.* \([0-9]*\) records/s.*|\1|' "$directory/runs" | sort -n |
    awk -v streams="$streams" '{rate[NR] = $1} END {
      printf "%d streams: median %d records/s\n", streams, rate[int((NR + 1) / 2)]}'
done
