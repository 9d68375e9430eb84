#!/usr/bin/env bash
# Installs the Debian packages that are missing, and says which. Usage: install-packages.sh build|test
#
# build: what the programs are built from. test: what the tests need beside that. Neither installs
# auditd: that would start a daemon on this machine.
set -euo pipefail

build="g++ cmake ninja-build ccache libabsl-dev libaudit-dev libauparse-dev libboost1.81-dev
  libcli11-dev libgrpc++-dev libjemalloc-dev libprotobuf-dev librocksdb-dev libspdlog-dev libssl-dev libsystemd-dev libwrap0-dev libxxhash-dev libzstd-dev
  nlohmann-json3-dev protobuf-compiler protobuf-compiler-grpc zlib1g-dev"
tests="libgtest-dev libgmock-dev libauparse0 libcap-ng0 libgssapi-krb5-2 openssl python3 util-linux zstd"

case "${1:-}" in
  build) wanted=$build ;;
  test) wanted="$build $tests" ;;
  *) echo "usage: $0 build|test" >&2 && exit 2 ;;
esac

missing=
for package in $wanted; do
  dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # A list of words, on purpose.
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing > /dev/null
