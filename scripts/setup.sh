#!/usr/bin/env bash
# Makes a Debian 12 or Ubuntu machine ready to build, test and run Collimate. Run it as often as you
# like: what is there is left alone, and a run that finds everything takes seconds.
#
#   scripts/setup.sh             what `make demo` and `make test` need
#   scripts/setup.sh --lint      and what `make lint` needs
#   scripts/setup.sh --guests    and the compiler for the zkVM guests (their ELFs are committed, so
#                                only who changes a guest needs it)
#   scripts/setup.sh --api       and what `make test-api` needs: schemathesis, in a Python environment at
#                                $SCHEMATHESIS_DIR (target/schemathesis)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
lint='' guests='' api=''
for argument in "$@"; do
    case $argument in
    --lint) lint=yes ;;
    --guests) guests=yes ;;
    --api) api=yes ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "setup: unknown option '$argument' (see --help)" >&2; exit 2 ;;
    esac
done

say() { echo "setup: $*" >&2; }
fail() { say "error: $1"; shift; printf 'setup:   remedy: %s\n' "$@" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
# version_at_least HAVE WANT, both dotted numbers
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

[ "$(uname -sm)" = 'Linux x86_64' ] || fail "Foundry and the prover are only set up for Linux on x86_64, not for $(uname -sm)" \
    "use an x86_64 machine or virtual machine with Debian 12 or Ubuntu"

# --- Debian packages -------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; return; fi
    has sudo || fail "installing packages needs root" "run this script as root, or install sudo"
    sudo -- "$@"
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >&2
}

# apt_install PACKAGE... : package lists are only fetched anew when the ones here do not do.
apt_install() {
    has apt-get || fail "this machine has no apt-get, and lacks: $*" \
        "use Debian 12 or Ubuntu, or install the equivalents of these packages by hand"
    say "installing Debian packages: $*"
    apt install -y --no-install-recommends "$@" 2>/dev/null && return
    say "updating the package lists"
    apt update || fail "apt-get update failed" "check the network and /etc/apt/sources.list, then run this again"
    apt install -y --no-install-recommends "$@" || fail "apt-get could not install: $*" \
        "read apt's message above; 'apt-get -f install' mends a broken state"
}

postgres_server() {
    local binaries=(/usr/lib/postgresql/*/bin/postgres)
    [ -x "${binaries[0]}" ] || has postgres
}

missing=()
need() { missing+=("$1"); }
has protoc || need protobuf-compiler
[ -e /usr/include/google/protobuf/any.proto ] || need libprotobuf-dev
has clang || need clang
compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || need libclang-dev
has cmake || need cmake
has pkg-config || need pkg-config
[ -e /usr/include/openssl/ssl.h ] || need libssl-dev
if ! has cc || ! has c++; then need build-essential; fi
has git || need git
has patch || need patch
has jq || need jq
has curl || need curl
[ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates
has node || need nodejs
has npm || need npm
[ -z "$lint" ] || has shellcheck || need shellcheck
[ -z "$api" ] || python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
if [ -n "$guests" ]; then
    [ "$(dpkg-query -W -f '${db:Status-Status} ' rustc-web rust-web-src cargo-web 2>/dev/null)" = \
        'installed installed installed ' ] || missing+=(rustc-web rust-web-src cargo-web)
fi
[ "${#missing[@]}" = 0 ] || apt_install "${missing[@]}"

# Collimate starts and stops a server of its own, so the package must not start one on port 5432.
# The setting is for this one installation: clusters that exist, or that you create later, are yours.
if ! postgres_server; then
    cluster_setting=/etc/postgresql-common/createcluster.d/collimate-setup.conf
    as_root mkdir -p "${cluster_setting%/*}"
    echo 'create_main_cluster = false' | as_root tee "$cluster_setting" >/dev/null
    trap 'as_root rm -f "$cluster_setting"' EXIT
    apt_install postgresql
    as_root rm -f "$cluster_setting"
    trap - EXIT
    postgres_server || fail "postgresql was installed, but /usr/lib/postgresql/*/bin/postgres is not there" \
        "put the folder with the 'postgres' binary into PATH"
fi

node_version=$(node --version)
version_at_least "${node_version#v}" 18 || fail "node $node_version is too old: 18 or later is needed" \
    "install a newer nodejs (Debian 12 and Ubuntu 24.04 have one) or put one first in PATH"

# --- Rust ------------------------------------------------------------------------------------------

channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
[ -n "$channel" ] || fail "rust-toolchain.toml names no channel" "git checkout rust-toolchain.toml"
PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH

if ! has rustup && ! has cargo; then
    say "installing rustup with Rust $channel"
    installer=$(mktemp)
    if ! curl --proto '=https' --tlsv1.2 -sSf -o "$installer" https://sh.rustup.rs ||
        ! sh "$installer" -y --no-modify-path --profile minimal --default-toolchain "$channel" >&2; then
        rm -f "$installer"
        fail "no Rust toolchain here, and rustup could not be installed" \
            "install Rust $channel from https://rustup.rs" \
            "or, without access to it, Debian's own: apt-get install rustc-web cargo-web"
    fi
    rm -f "$installer"
fi
if has rustup; then
    if ! rustup toolchain list | grep -qE "^$channel(-| |\$)"; then
        say "installing Rust $channel"
        rustup toolchain install "$channel" --profile minimal -c rustfmt -c clippy >&2 ||
            fail "rustup could not install Rust $channel" "check the network, then: rustup toolchain install $channel"
    fi
fi
cargo_version=$(cargo --version | awk '{ print $2 }')
version_at_least "$cargo_version" "$channel" || fail "cargo $cargo_version is older than $channel" \
    "install rustup from https://rustup.rs and run this again"

# --- What the project's own lock files name ----------------------------------------------------------

fetch() { # folder of a workspace
    (cd "$1" && cargo fetch --locked --quiet) || fail "cargo fetch --locked failed in $root/${1#./}" \
        "check the network; if Cargo.lock is out of date, run 'cargo update --workspace' there and commit it"
}

fetch .
# The engine's patch is applied to the crates that were just fetched, and prover/ needs its result.
prover/engine-patch/apply.sh
fetch prover
if [ -e programs/Cargo.toml ]; then fetch programs; fi

if [ -e contracts/package-lock.json ]; then
    stamp=$(sha256sum contracts/package-lock.json | cut -d' ' -f1)
    if [ "$(cat contracts/node_modules/.installed 2>/dev/null)" != "$stamp" ]; then
        say "installing the Solidity tools (npm ci in contracts/)"
        (cd contracts && npm ci --no-audit --no-fund --loglevel=error >&2) || fail "npm ci failed in $root/contracts" \
            "read npm's message above; with the network mended: cd contracts && npm ci"
        echo "$stamp" >contracts/node_modules/.installed
    fi
fi

if [ -n "$api" ]; then
    wanted=crates/gateway/tests/schemathesis.txt
    folder=${SCHEMATHESIS_DIR:-target/schemathesis}
    stamp=$(sha256sum "$wanted" | cut -d' ' -f1)
    if [ "$(cat "$folder/.installed" 2>/dev/null)" != "$stamp" ]; then
        say "installing schemathesis into $folder"
        rm -rf "$folder"
        { python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2; } ||
            fail "schemathesis could not be installed" "read pip's message above; check the network and PIP_INDEX_URL"
        echo "$stamp" >"$folder/.installed"
    fi
fi

say "ready (cargo $cargo_version, node ${node_version#v})"
