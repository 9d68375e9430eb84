# The log of a busy host, unpacked and in a store, and ways to time commands that read it. To be sourced
# with $root, $build and $runs_in set, the name that the directory is to have; leaves the shell in that
# directory, with `log` and `store`. RUNS (5) and REAL_RUNS (1: the real tools take long) come from the
# environment.

runs=${RUNS:-5}
real_runs=${REAL_RUNS:-1}
auspex=$build/bin/auspex
packed=$root/../shared/bench/build-host.log.zst
[ -e "$packed" ] || { echo "$packed is not there" >&2; exit 1; }
export TZ=UTC LC_ALL=C

directory=$(mktemp -d -p "$build" "$runs_in.XXXXXX")
output=$(mktemp -p /dev/shm)
trap 'rm -rf "$directory" "$output"' EXIT
cd "$directory"
zstd -q -d "$packed" -o log
"$auspex" import --store store --host host0 log > /dev/null

# Median wall time in seconds of so many runs of a command. What the last one printed is in $output.
seconds() {
  local count=$1 start
  shift
  for _ in $(seq "$count"); do
    start=$EPOCHREALTIME
    "$@" > "$output" 2> /dev/null < /dev/null || true
    echo "$EPOCHREALTIME $start" | awk '{printf "%.3f\n", $1 - $2}'
  done | sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'
}

# That of a real tool on the log; "-" if it is not there. Usage: real TOOL ARGUMENT...
real() {
  local tool=$root/build/tools/sbin/$1
  shift
  [ -x "$tool" ] || { echo -; return; }
  LD_LIBRARY_PATH=$(echo "$root"/build/tools/lib/*-linux-*) seconds "$real_runs" "$tool" -if log "$@"
}
