# An auspexd to be measured, in a directory of its own. To be sourced with $build and $runs_in set, the
# name that the directory is to have.

directory=$(mktemp -d -p "$build" "$runs_in.XXXXXX")
server=
finish() {
  [ -z "$server" ] || { kill "$server" && wait "$server"; } || true
  rm -rf "$directory"
}
trap finish EXIT

# Starts it on an empty store, and sets $server and $port: what its log says behind the word, "ready" for
# audisp-remote and "api" for agents. Usage: start WORD [KEY=VALUE ...]
start() {
  local word=$1
  shift
  rm -rf "$directory/store" "$directory/log"
  mkdir "$directory/store"
  {
    echo "listen_address = 127.0.0.1"
    echo "store_dir = $directory/store"
    for setting in "$@"; do echo "${setting%%=*} = ${setting#*=}"; done
  } > "$directory/auspexd.conf"
  "$build/bin/auspexd" --config "$directory/auspexd.conf" 2> "$directory/log" &
  server=$!
  port=
  for _ in $(seq 600); do
    [ -e "$directory/log" ] && port=$(sed -n "s/^info $word .*port=\([0-9]*\).*/\1/p" "$directory/log")
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

# A CA for its API, in $directory/ca.crt.
make_ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench \
    -keyout "$directory/ca.key" -out "$directory/ca.crt" 2> /dev/null
}

# Makes a key and a certificate of our CA. Usage: certify FILE NAME
certify() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
    -keyout "$directory/$1.key" -out "$directory/$1.csr" 2> /dev/null
  openssl x509 -req -in "$directory/$1.csr" -CA "$directory/ca.crt" -CAkey "$directory/ca.key" \
    -days 2 -extfile <(echo "subjectAltName=DNS:$2") -out "$directory/$1.crt" 2> /dev/null
}
