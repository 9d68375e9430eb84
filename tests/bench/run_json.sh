#!/bin/bash
# Measures what a search for 10,000 events takes as JSON over HTTPS, beside gRPC: starts auspexd with
# certificates made for it, gives it the log of a busy host, and lets json_bench search.
#
#   run_json.sh [BUILD_DIRECTORY] [LOG]          LOG: ../shared/bench/build-host.log.zst
#
# Environment: EVENTS (10000), RUNS (9), RECORDS (100000): how much of the log the store is given.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
packed=${2:-$root/../shared/bench/build-host.log.zst}

runs_in=json-bench
. "$root/tests/bench/server.sh"

cd "$directory"
"$build/bin/auspex" ca init ca > /dev/null
"$build/bin/auspex" ca issue ca localhost --server > /dev/null
"$build/bin/auspex" ca issue ca bench > /dev/null
echo 'admin bench' > access
{ zstd -dcq "$packed" || true; } | head -n "${RECORDS:-100000}" > audit.log

start ready tcp_listen_port=0 use_libwrap=no flush=NONE api_listen_port=0 api_json_port=0 \
  "api_certificate_file=$directory/localhost.pem" "api_key_file=$directory/localhost.key" \
  "api_ca_file=$directory/ca/ca.pem" "api_access_file=$directory/access"
port_of() {
  sed -n "s/^info $1 .*port=\([0-9]*\).*/\1/p" log
}
"$build/bin/auspex" send --port "$port" audit.log > /dev/null
kill -USR1 "$server"

"$build/bin/bench/json_bench" --grpc-port "$(port_of api)" --json-port "$(port_of api_json)" \
  --ca ca/ca.pem --certificate bench.pem --key bench.key \
  --events "${EVENTS:-10000}" --runs "${RUNS:-9}"
stop
