#!/bin/bash
# Measures `auspex search` of a store beside that of the collector which writes to it: whole processes, over
# TLS and through the unix socket, and apart from them what the call adds where all is open already. Prints
# medians in milliseconds.
#
#   run_remote.sh [BUILD_DIRECTORY] [LOG]        LOG: ../shared/bench/build-host.log.zst
#
# Environment: RUNS (21).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
packed=${2:-$root/../shared/bench/build-host.log.zst}
runs=${RUNS:-21}

runs_in=remote-bench
. "$root/tests/bench/server.sh"
auspex=$build/bin/auspex

"$auspex" ca init "$directory/ca" > "$directory/said"
"$auspex" ca issue "$directory/ca" localhost --server --ip 127.0.0.1 --out "$directory" > "$directory/said"
"$auspex" ca issue "$directory/ca" root --out "$directory" > "$directory/said"
echo 'admin root' > "$directory/access"
cat > "$directory/auspex.conf" <<CONF
ca_file = $directory/ca/ca.pem
certificate_file = $directory/root.pem
key_file = $directory/root.key
CONF
export AUSPEX_CONFIG=$directory/auspex.conf
zstd -dcq "$packed" > "$directory/audit.log"

"$auspex" import --store "$directory/imported" --host h "$directory/audit.log" > "$directory/said"
start api "store_dir=$directory/imported" api_listen_port=0 "api_socket=$directory/socket" \
  "api_certificate_file=$directory/localhost.pem" "api_key_file=$directory/localhost.key" \
  "api_ca_file=$directory/ca/ca.pem" "api_access_file=$directory/access"

# The median of whole processes. Usage: median COMMAND...
median() {
  for _ in $(seq "$runs"); do
    local begin=$EPOCHREALTIME
    "$@" > "$directory/output" 2> "$directory/said" || [ $? -eq 1 ]
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${begin/./})))
  done | sort -n | awk '{ time[NR] = $1 } END { printf "%.1f", time[int((NR + 1) / 2)] / 1000 }'
}

row() {
  local store tls socket lines
  store=$(median "$auspex" search "$@" --host h --store "$directory/imported")
  lines=$(wc -l < "$directory/output")
  tls=$(median "$auspex" search "$@" --host h --server "127.0.0.1:$port")
  socket=$(median "$auspex" search "$@" --host h --server "unix:$directory/socket")
  printf '%-34s %9d %8s %8s %8s   ' "$*" "$lines" "$store" "$tls" "$socket"
  "$build/bin/bench/remote_bench" "$directory/imported" "127.0.0.1:$port" "$runs" "$@" --host h
}

echo "$(wc -l < "$directory/audit.log") records; a process that does nothing: $(median "$auspex" --version) ms"
printf '%-34s %9s %8s %8s %8s   %s\n' search lines --store TLS socket "without processes, over TLS"
row -k nothing -r
row -sc rename -i
row -x /usr/bin/make -r
row -k fsmod -r
row -sv no -r
stop
