#!/usr/bin/env bash
# From nothing to a collector that answers: installs what is missing, builds, starts auspexd on
# loopback, sends it real records as audisp-remote does, shows them, and leaves it running.
#
#   deploy/quickstart.sh [--once]      --once: stop the server when all is shown, and exit
#
# Uses build/quickstart, a port of the kernel's choice on 127.0.0.1, and nothing else: the auditd of
# this machine and its configuration stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

once=
case "${1:-}" in
  --once) once=yes ;;
  "") ;;
  *) echo "usage: $0 [--once]" >&2 && exit 2 ;;
esac

./deploy/install-packages.sh build
echo "building (some minutes for the first time)"
./deploy/build.sh release auspexd auspex

bin=$PWD/build/release/bin
place=$PWD/build/quickstart
rm -rf "$place/store"  # Of an earlier run.
mkdir -p "$place"
cat > "$place/auspexd.conf" <<CONF
listen_address = 127.0.0.1
tcp_listen_port = 0
store_dir = $place/store
CONF

"$bin/auspexd" --config "$place/auspexd.conf" 2> >(trap '' INT && exec tee "$place/log" >&2) &
server=$!
trap 'kill "$server" 2> /dev/null && wait "$server" || true' EXIT

port=
until port=$(sed -n 's/^info ready .*port=\([0-9]*\).*/\1/p' "$place/log" 2> /dev/null) &&
  [ -n "$port" ]; do
  kill -0 "$server" 2> /dev/null || { trap - EXIT && exit 1; }
  sleep 0.1
done

show() {
  echo
  echo "\$ auspex $*"
  "$bin/auspex" "$@"
}
show send --port "$port" deploy/sample.log
show search --store "$place/store" --host 127.0.0.1 -k fsmod --just-one
show report --store "$place/store" --host 127.0.0.1 -x --summary
show search --store "$place/store" --host auspexd --raw -m DAEMON_ACCEPT
echo

if [ -n "$once" ]; then
  kill "$server"
  trap - EXIT
  wait "$server"
  echo "all is well"
  exit 0
fi
echo "auspexd listens on 127.0.0.1 port $port; the store is $place/store; Ctrl-C stops it"
trap - EXIT
trap : INT  # Ctrl-C reaches the server by itself; a second signal would cut its stop short.
trap 'kill -TERM "$server" 2> /dev/null || true' TERM
status=0
while kill -0 "$server" 2> /dev/null; do wait "$server" && status=0 || status=$?; done
exit "$status"
