#!/bin/bash
# Measures the listener: starts auspexd on a store on disk, lets listener_bench load it five
# times, and prints the medians, the memory of idle connections, and what an fdatasync of that
# disk costs, without which the figures mean nothing. As root, and where tests/fetch-real-tools.sh has
# unpacked it, auditd itself is measured beside it in the same run, with its default flush and with SYNC.
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

runs_in=listener-bench
. "$root/tests/bench/server.sh"

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

# Starts the real auditd as a collector, in mounts of its own, without the events of the kernel; sets
# $server and $port. Argument: its flush.
start_auditd() {
  rm -rf "$directory/auditd"
  mkdir -p "$directory/auditd/plugins.d"
  port=$((20000 + RANDOM % 10000))
  cat > "$directory/auditd/auditd.conf" <<CONF
local_events = no
write_logs = yes
log_file = $directory/auditd/audit.log
log_format = RAW
flush = $1
freq = 50
num_logs = 2
max_log_file = 4000
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
use_libwrap = no
tcp_listen_port = $port
tcp_listen_queue = 1024
tcp_max_per_addr = 1
plugin_dir = $directory/auditd/plugins.d
CONF
  chmod 640 "$directory/auditd/auditd.conf"
  LD_LIBRARY_PATH=$(echo "$root"/build/tools/lib/*-linux-*) unshare -m sh -c '
    mount -t tmpfs none /run && exec "$0" -n -c "$1"' \
    "$root/build/tools/sbin/auditd" "$directory/auditd" > "$directory/auditd.log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    ! ss -ltnH "sport = :$port" | grep -q . || return 0
    sleep 0.1
  done
  echo "auditd does not start:" >&2
  cat "$directory/auditd.log" >&2
  exit 1
}

# Loads what has been started, and adds its figures to the table $1.
measure() {
  "$bench" --port "$port" --seconds "${SECONDS_EACH:-5}" \
    --connections "${CONNECTIONS:-1,16,100,1000}" | tee -a "$directory/$1" >&2
  stop
}

with_auditd=
if [ "$(id -u)" -eq 0 ] && [ -x "$root/build/tools/sbin/auditd" ]; then with_auditd=yes; fi
for _ in $(seq "$runs"); do
  start ready tcp_listen_port=0 "$@"
  measure auspexd
  [ -n "$with_auditd" ] || continue
  for flush in INCREMENTAL_ASYNC SYNC; do
    start_auditd $flush
    measure "auditd,flush=$flush"
  done
done

echo "medians of $runs runs:"
for table in "$directory"/auspexd "$directory"/auditd,flush=*; do
  [ -e "$table" ] || continue
  echo "$(basename "$table")"
  python3 - "$table" <<'PYTHON'
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
done

if [ "${IDLE:-10000}" -gt 0 ]; then
  start ready tcp_listen_port=0 "$@"
  "$bench" --port "$port" --idle "${IDLE:-10000}" --pid "$server"
  stop
fi
