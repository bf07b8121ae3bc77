# Sourced. One private PostgreSQL and one nats-server on free loopback ports, for the suites that need real servers.
# servers_start DIR: starts both, exports CADRE_TEST_POSTGRES and CADRE_TEST_NATS; 1 and a message if one did not start.
# servers_stop: ends those that were started, by their process ids.

server_pids=()

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# How to run a program that refuses root: as `postgres` where that user reaches the folder, else in a user namespace.
not_root() {
  local folder=$1
  as_user=()
  [[ $(id -u) -eq 0 ]] || return 0
  if id postgres >/dev/null 2>&1; then
    chown postgres: "$folder"
    as_user=(setpriv --reuid=postgres --regid=postgres --init-groups --)
    "${as_user[@]}" test -w "$folder" && return 0
    chown root: "$folder"
  fi
  as_user=(unshare --user --map-user=1000 --map-group=1000 --)
}

wait_until() {  # wait_until SECONDS PID COMMAND...: until the command succeeds; fails when the process or the time ends
  local deadline=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# fsync=off: what was written is lost only if the machine dies. The tests kill processes, never the machine, and what a
# killed server has written stays in the kernel. Of a disk they would mostly measure how slow it is.
start_postgres() {
  local folder=$1/postgres bin port pid attempt
  bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
  mkdir -m 700 "$folder"
  chmod 711 "$1"
  not_root "$folder"
  (cd / && exec "${as_user[@]}" "$bin/initdb" -D "$folder/data" -U cadre -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    --no-instructions) >"$1/initdb.log" 2>&1 || { cat "$1/initdb.log" >&2; return 1; }
  for attempt in 1 2 3; do
    port=$(free_port)
    (cd / && exec "${as_user[@]}" "$bin/postgres" -D "$folder/data" -c listen_addresses=127.0.0.1 -c port="$port" \
      -c unix_socket_directories= -c max_connections=300 -c fsync=off) >"$1/postgres.log" 2>&1 </dev/null &
    pid=$!
    if wait_until 60 "$pid" "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U cadre; then
      server_pids+=("$pid")
      export CADRE_TEST_POSTGRES="postgresql://cadre@127.0.0.1:$port/postgres"
      return 0
    fi
    kill -INT "$pid" 2>/dev/null && wait "$pid" || true
  done
  echo 'tests/run: PostgreSQL did not start:' >&2
  tail -n 20 "$1/postgres.log" >&2
  return 1
}

start_nats() {
  local pid ports url
  mkdir "$1/nats"
  nats-server -js -sd "$1/nats" -a 127.0.0.1 -p -1 --ports_file_dir "$1/nats" >"$1/nats.log" 2>&1 </dev/null &
  pid=$!
  ports=$1/nats/nats-server_$pid.ports
  if wait_until 30 "$pid" grep -q 'nats://' "$ports"; then
    url=$(grep -o 'nats://[0-9.:]*' "$ports" | head -n 1)
    server_pids+=("$pid")
    export CADRE_TEST_NATS=$url
    return 0
  fi
  kill "$pid" 2>/dev/null || true
  echo 'tests/run: nats-server did not start:' >&2
  tail -n 20 "$1/nats.log" >&2
  return 1
}

servers_start() { start_postgres "$1" && start_nats "$1"; }

servers_stop() {
  local pid
  for pid in "${server_pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in "${server_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  server_pids=()
}
