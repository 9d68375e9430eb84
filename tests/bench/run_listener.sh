#!/bin/bash
# Measures the listener: starts auspexd on a store on disk, lets listener_bench load it five
# times, and prints the medians, the memory of idle connections, and what an fdatasync of that
# disk costs, without which the figures mean nothing.
#
#   run_listener.sh [BUILD_DIRECTORY] [KEY=VALUE ...]       e.g. build/release flush=none
#
# Environment: RUNS (5), SECONDS_EACH (5), CONNECTIONS (1,16,100,1000), IDLE (10000; 0: none).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
shift || true
runs=${RUNS:-5}
bench=$build/bin/bench/listener_bench

directory=$(mktemp -d -p "$build" listener-bench.XXXXXX)
server=
finish() {
  [ -z "$server" ] || { kill "$server" && wait "$server"; } || true
  rm -rf "$directory"
}
trap finish EXIT

# Starts a server on an empty store; sets $server and $port.
start() {
  rm -rf "$directory/store"
  mkdir "$directory/store"
  {
    echo "tcp_listen_port = 0"
    echo "listen_address = 127.0.0.1"
    echo "store_dir = $directory/store"
    echo "tcp_listen_queue = 1024"  # With 5 a thousand clients take a minute to connect.
    for setting in "$@"; do echo "${setting%%=*} = ${setting#*=}"; done
  } > "$directory/auspexd.conf"
  "$build/bin/auspexd" --config "$directory/auspexd.conf" 2> "$directory/log" &
  server=$!
  port=
  for _ in $(seq 600); do
    port=$(sed -n 's/^info ready .*port=\([0-9]*\).*/\1/p' "$directory/log")
    [ -z "$port" ] || return 0
    kill -0 "$server" 2> /dev/null || break
    sleep 0.1
  done
  echo "auspexd does not start:" >&2
  cat "$directory/log" >&2
  exit 1
}

stop() {
  kill "$server"
  wait "$server" || { echo "auspexd: exit $?" && cat "$directory/log"; } >&2
  server=
}

ulimit -n "$(ulimit -Hn)"
echo "fdatasync of this disk:"
python3 - "$directory" <<'PYTHON'
import os, sys, time

for size in (300, 65536):
    times = []
    file = os.open(f"{sys.argv[1]}/sync", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for _ in range(1000):
        start = time.perf_counter()
        os.write(file, b"x" * size)
        os.fdatasync(file)
        times.append(time.perf_counter() - start)
    os.close(file)
    os.unlink(f"{sys.argv[1]}/sync")
    times.sort()
    print(f"  {size:6} bytes: p50 {times[500] * 1e6:.0f} us, p99 {times[990] * 1e6:.0f} us")
PYTHON

for _ in $(seq "$runs"); do
  start "$@"
  "$bench" --port "$port" --seconds "${SECONDS_EACH:-5}" \
    --connections "${CONNECTIONS:-1,16,100,1000}" | tee -a "$directory/table" >&2
  stop
done

echo "medians of $runs runs:"
python3 - "$directory/table" <<'PYTHON'
import collections, statistics, sys

lines = [line.split() for line in open(sys.argv[1])]
rows = collections.defaultdict(list)
for line in lines:
    if line[0].isdigit():
        rows[int(line[0])].append([float(value) for value in line[1:]])
print("%11s %14s %10s %10s %10s" % ("connections", "acked/s", "p50 us", "p99 us", "max us"))
for connections, values in rows.items():
    print("%11d %14.0f %10.0f %10.0f %10.0f" % (connections, *map(statistics.median, zip(*values))))
PYTHON

if [ "${IDLE:-10000}" -gt 0 ]; then
  start "$@"
  "$bench" --port "$port" --idle "${IDLE:-10000}" --pid "$server"
  stop
fi
