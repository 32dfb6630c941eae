#!/usr/bin/env bash
# Rebuilds .sqlx, the metadata that queries are checked against at compile time, from the migrations and a real
# PostgreSQL that lives as long as this script. With --check nothing is written; differences are an error.
set -euo pipefail
cd "$(dirname "$0")"

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -x "$bin/postgres" ] || { echo "prepare.sh: no PostgreSQL: apt-get install postgresql" >&2; exit 1; }

work=$(mktemp -d /tmp/collimate-prepare.XXXXXX)
as_user=()
if [ "$(id -u)" = 0 ]; then
    chown postgres "$work"
    as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
server() { (cd "$work" && "${as_user[@]}" "$bin/pg_ctl" -D "$work/cluster" -s -w "$@"); }
trap 'server stop -m immediate || true; rm -rf "$work"' EXIT

(cd "$work" && "${as_user[@]}" "$bin/initdb" -D "$work/cluster" -U collimate -A trust --locale=C --encoding=UTF8 >/dev/null)
server start -l "$work/log" -o "-k $work -c listen_addresses= -c fsync=off"
psql=("$bin/psql" -qX -v ON_ERROR_STOP=1 -h "$work" -U collimate)
"${psql[@]}" -d postgres -c 'CREATE DATABASE collimate'
for migration in migrations/*.sql; do
    "${psql[@]}" -d collimate --single-transaction -f "$migration"
done

mkdir "$work/sqlx"
# The macros write into SQLX_OFFLINE_DIR what the server tells them about each query. Touching a source makes cargo
# expand them; its old time is given back, or everything above this crate would be compiled again.
touch -r src/lib.rs "$work/time"
touch src/lib.rs
COLLIMATE_PREPARE_QUERIES=1 SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$work/sqlx" \
    DATABASE_URL="postgres://collimate@localhost/collimate?host=$work" \
    cargo check --quiet --release -p collimate-store
touch -r "$work/time" src/lib.rs

if [ "${1-}" = --check ]; then
    diff -r "$work/sqlx" .sqlx || { echo "prepare.sh: .sqlx is stale: run crates/store/prepare.sh" >&2; exit 1; }
    echo "prepare.sh: .sqlx is current ($(ls .sqlx | wc -l) queries)"
else
    rm -rf .sqlx
    cp -r "$work/sqlx" .sqlx
    chmod -R u=rwX,go=rX .sqlx
    echo "prepare.sh: .sqlx rebuilt ($(ls .sqlx | wc -l) queries)"
fi
