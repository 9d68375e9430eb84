#!/usr/bin/env bash
# Configures and builds a preset, with a line of progress. Usage: build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
log=build/$preset.log
mkdir -p build
cmake --preset "$preset" > "$log" 2>&1 || { cat "$log" && exit 1; }

# ninja's own progress on a terminal; elsewhere a line every half a minute.
if [ -t 1 ]; then
  NINJA_STATUS="building $preset [%f/%t] " ninja -C "build/$preset" -j2 --quiet "$@" 2>&1 ||
    exit 1
  exit 0
fi
ninja -C "build/$preset" -j2 "$@" > "$log" 2>&1 &
ninja=$!
( while sleep 30; do echo "building $preset $(grep -o '^\[[0-9/]*\]' "$log" | tail -1)"; done ) &
progress=$!
trap 'kill $progress 2> /dev/null || true' EXIT
wait $ninja || { grep -E -A20 'error|FAILED' "$log" || cat "$log"; exit 1; }
