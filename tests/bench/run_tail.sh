#!/bin/bash
# Measures Tail and Histogram: the delay of a Tail after the acknowledgement, at a steady rate of records;
# and how long histograms take of the log of a busy host, in milliseconds.
#
#   run_tail.sh [BUILD_DIRECTORY] [LOG]        LOG: ../shared/bench/build-host.log.zst
#
# Environment: RUNS (3), RATE (10000, records a second), SECONDS_EACH (10), TAILS ("1 8"), SETTINGS
# ("KEY=VALUE ..." of auspexd.conf).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
packed=${2:-$root/../shared/bench/build-host.log.zst}

runs_in=tail-bench
. "$root/tests/bench/server.sh"

make_ca
certify server localhost
certify agent1 agent1

for tails in ${TAILS:-1 8}; do
  for _ in $(seq "${RUNS:-3}"); do
    # shellcheck disable=SC2086  # Words, or none.
    start api api_listen_port=0 "api_certificate_file=$directory/server.crt" \
      "api_key_file=$directory/server.key" "api_ca_file=$directory/ca.crt" \
      "api_socket=$directory/api.sock" ${SETTINGS:-}
    "$build/bin/bench/tail_bench" --port "$port" --ca "$directory/ca.crt" \
      --certificates "$directory" --socket "$directory/api.sock" --rate "${RATE:-10000}" \
      --seconds "${SECONDS_EACH:-10}" --tails "$tails"
    stop
  done
done

zstd -dcq "$packed" > "$directory/audit.log"
"$build/bin/auspex" import --store "$directory/imported" --host h "$directory/audit.log" > /dev/null
"$build/bin/bench/histogram_bench" "$directory/imported"
