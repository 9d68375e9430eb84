#!/bin/bash
# Measures the store: import, size, search, a fleet that sends little, recovery. Prints medians, and each
# time beside that of a tool on the same file in the same run, since machines differ.
#
#   run_store.sh [BUILD_DIRECTORY]                          e.g. build/release
#
# Needs ../shared/bench/build-host.log.zst beside the project, 5 GB of disk, and root to drop the page cache.
#
# Environment: RUNS (5), HOSTS of the fleet (10000), BIG (9: how many more logs the big store has;
# 49 makes it 50 M records).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
runs=${RUNS:-5}
auspex=$build/bin/auspex
bench=$build/bin/bench/store_bench
packed=$root/../shared/bench/build-host.log.zst
[ -e "$packed" ] || { echo "$packed is not there" >&2; exit 1; }

directory=$(mktemp -d -p "$build" store-bench.XXXXXX)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
zstd -q -d "$packed" -o log
cat log > /dev/null

# Wall time of a command in seconds, output thrown away.
seconds() {
  local start=$EPOCHREALTIME
  "$@" > discarded
  python3 -c "print(f'{$EPOCHREALTIME - $start:.3f}')"
}

# Median of the numbers on standard input.
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }

ratio() { python3 -c "print(f'{$1 / $2:.2f}')"; }

import() {
  rm -rf store
  "$auspex" import --store store --host host0 log
}

echo "import of $(wc -l < log) records, $(stat -c %s log) bytes:"
for _ in $(seq "$runs"); do
  seconds zstd -q -f -1 log -o log.zst >> zstd_times
  seconds import >> import_times
done
zstd_1=$(median < zstd_times)
imported=$(median < import_times)
echo "  zstd -1 ${zstd_1} s, auspex import ${imported} s: $(ratio "$imported" "$zstd_1") times"

zstd -q -f -3 log -o log.zst
stored=$(du -sb --apparent-size store | cut -f1)
echo "size:"
echo "  zstd -3 $(stat -c %s log.zst) bytes, store ${stored} bytes: $(ratio "$stored" "$(stat -c %s log.zst)")"
"$auspex" store stats --store store | sed 's/^/  /'

search() { "$auspex" search --store "$1" -k fsmod --raw; }
search_times() {
  rm -f search_times
  for _ in $(seq "$runs"); do seconds search "$1" >> search_times; done
  median < search_times
}
cold() {
  [ "$(id -u)" -eq 0 ] || { echo "(not root)"; return; }
  rm -f cold_times
  for _ in $(seq "$runs"); do
    sync && echo 3 > /proc/sys/vm/drop_caches
    seconds search "$1" >> cold_times
  done
  median < cold_times
}
echo "search -k fsmod --raw, $(search store | wc -l) records, whole process:"
small=$(search_times store)
echo "  ${small} s warm, $(cold store) s with the page cache dropped"
grep_time=$(seconds grep -c fsmod log)
echo "  (grep -c of the log: ${grep_time} s)"

big=${BIG:-9}
echo "the same with $big more logs in the store, of other hosts and days:"
for day in $(seq "$big"); do
  "$bench" shift "$day" < log | "$auspex" import --store store --host "host$day" - > /dev/null
done
large=$("$auspex" search --store store --host host0 -k fsmod --raw | wc -l)
search() { "$auspex" search --store "$1" --host host0 -k fsmod --raw; }
times=$(search_times store)
echo "  ${times} s warm for the same ${large} records: $(ratio "$times" "$small") times"
echo "  $("$bench" open store)"

echo "a start with much in no block:"
for size in 64 256; do
  rm -rf recover
  echo "  $("$bench" recover recover "$size")"
done

echo "a day of ${HOSTS:-10000} hosts, each with an event in ten minutes, sealed every hour:"
"$bench" fleet fleet "${HOSTS:-10000}" | sed 's/^/  /'

if [ -d "$root/../shared/corpus" ]; then
  cat "$root"/../shared/corpus/*.log > corpus
  "$auspex" import --store corpus.store --host corpus corpus > /dev/null
  zstd -q -f -3 corpus
  blocks=$("$auspex" store stats --store corpus.store | awk '$1 ~ /^(columns|summaries|terms)$/ {n += $2} END {print n}')
  echo "../shared/corpus, $(stat -c %s corpus) bytes: zstd -3 $(stat -c %s corpus.zst), columns, summaries and terms ${blocks}: $(ratio "$blocks" "$(stat -c %s corpus.zst)")"
fi
