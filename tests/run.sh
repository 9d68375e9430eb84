#!/usr/bin/env bash
# Installs what the tests need, builds, and runs all tests.
#
#   tests/run.sh [PRESET...]     the presets to test: release (all tests) and dev (unit tests and
#                                fuzz targets under AddressSanitizer) by default
#
# Tests that need root, the real audisp-remote or ../shared say so when they skip.
set -euo pipefail
cd "$(dirname "$0")/.."

presets=${*:-release dev}
./deploy/install-packages.sh test
./tests/fetch-real-tools.sh
[ ! -x build/tools/sbin/ausearch ] || export AUSPEX_AUSEARCH=$PWD/build/tools/sbin/ausearch
for preset in $presets; do
  echo "== $preset: build"
  # The programs end to end are tested as they are shipped; the sanitizers see the rest.
  targets=
  only=
  if [ "$preset" != release ]; then
    targets=unit_tests
    only="--exclude-regex ^e2e_|^tidy$"
  fi
  # shellcheck disable=SC2086  # One word, or none.
  ./deploy/build.sh "$preset" $targets
  echo "== $preset: test"
  results=$PWD/build/$preset/tests.xml
  # shellcheck disable=SC2086  # Two words, or none.
  ctest --test-dir "build/$preset" --output-on-failure --output-junit "$results" \
    --no-tests=error -j2 $only || { ./tests/print_failures.py "$results"; exit 1; }
done
