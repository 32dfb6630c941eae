#!/usr/bin/env bash
# Builds collimate-gnark, which compiles, sets up and proves the circuit that wraps a proof for Ethereum.
#
# It is the Go package of the crate sp1-recursion-gnark-ffi, of the version and checksum in prover/Cargo.lock, with
# patches/sp1.patch and our own files: koalabear/, which answers in Go what the original asks Rust over cgo, and program/,
# a command for each stage. The module gnark-crypto is the one in that package's go.sum, with patches/gnark-crypto.patch
# and gnark-crypto/: a faster multiplication of one point by many scalars.
#
#   prover/gnark/build.sh           puts collimate-gnark into prover/.gnark/bin
#   prover/gnark/build.sh --test    and runs the tests of our files
#
# COLLIMATE_GNARK_BASE=stock leaves gnark-crypto as it is, to compare.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
prover=$(cd "$here/.." && pwd)
out=$prover/.gnark
base=${COLLIMATE_GNARK_BASE:-patched}
name=sp1-recursion-gnark-ffi-6.10.0

fail() { echo "gnark: $*" >&2; exit 1; }

case $base in patched | stock) ;; *) fail "COLLIMATE_GNARK_BASE must be 'patched' or 'stock', not '$base'" ;; esac
case ${1:-} in '' | --test) ;; *) fail "unknown option '$1': there is --test alone" ;; esac
command -v go >/dev/null || fail "there is no go: install Go 1.24 or later from https://go.dev/dl and put it into PATH"
version=$(go env GOVERSION)
[ "$(printf '%s\ngo1.24\n' "$version" | sort -V | head -n 1)" = go1.24 ] || fail "$version is too old: Go 1.24 or later is needed"
# Another Go would be fetched over the network, and settings from outside would change what is built.
export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
unset GOEXPERIMENT

# What is measured and proven is named by this: a cache of artifacts says which program made it.
stamp=$({ find "$here" -type f -print0 | sort -z | xargs -0 cat; echo "$version $base $name"; } | sha256sum | cut -d' ' -f1)

if [ "$(cat "$out/stamp" 2>/dev/null || true)" != "$stamp" ]; then
    sum=$(awk -v RS= '/name = "sp1-recursion-gnark-ffi"\nversion = "6.10.0"/ { print }' "$prover/Cargo.lock" | sed -n 's/^checksum = "\(.*\)"/\1/p')
    [ -n "$sum" ] || fail "prover/Cargo.lock holds no $name: review $here against the version that it holds"
    crate=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "$name.crate" 2>/dev/null | head -n 1)
    [ -n "$crate" ] || fail "$name.crate is not in cargo's cache: run 'cargo fetch --locked' in $prover first"
    echo "$sum  $crate" | sha256sum --check --quiet - || fail "$crate does not have the checksum in prover/Cargo.lock: delete it and run 'cargo fetch --locked'"

    tmp=$(mktemp -d "$prover/.gnark-XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    mkdir "$tmp/sp1"
    tar -xzf "$crate" -C "$tmp/sp1" --strip-components 2 "$name/go"

    # Into Go's own cache, checked against go.sum; the copy is what go.mod's replacement points to.
    module=$(cd "$tmp/sp1" && go mod download -json github.com/consensys/gnark-crypto | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    [ -d "$module" ] || fail "github.com/consensys/gnark-crypto could not be fetched: is the network or a module proxy there?"
    cp -r "$module" "$tmp/gnark-crypto"
    chmod -R u+w "$tmp/gnark-crypto"

    apply() { # folder patch
        patch --directory="$1" --strip=1 --fuzz=0 --quiet --no-backup-if-mismatch <"$2" || fail "$2 does not fit"
    }
    apply "$tmp/sp1" "$here/patches/sp1.patch"
    cp "$here"/koalabear/*.go "$tmp/sp1/sp1/koalabear/"
    rm -f "$tmp/sp1/main.go" "$tmp/sp1/main_test.go"
    mkdir "$tmp/sp1/collimate-gnark"
    cp -r "$here"/program/* "$prover/../contracts/test/data/sp1-groth16-v6.1.0.json" "$tmp/sp1/collimate-gnark/"
    if [ "$base" = patched ]; then
        apply "$tmp/gnark-crypto" "$here/patches/gnark-crypto.patch"
        cp "$here"/gnark-crypto/*.go "$tmp/gnark-crypto/ecc/bn254/"
    fi
    echo 'replace github.com/consensys/gnark-crypto => ../gnark-crypto' >>"$tmp/sp1/go.mod"

    # Without -tags=debug, which the original's build.rs passes: with it the compiler keeps a trace for each constraint.
    (cd "$tmp/sp1" && go build -mod=readonly -buildvcs=false -trimpath -ldflags "-X main.build=$stamp" -o "$tmp/bin/collimate-gnark" ./collimate-gnark)
    echo "$stamp" >"$tmp/stamp"
    rm -rf "$out"
    mv "$tmp" "$out"
    trap - EXIT
    echo "gnark: $out/bin/collimate-gnark, with $base multiplication" >&2
fi

if [ "${1:-}" = --test ]; then
    (cd "$out/sp1" && go test -mod=readonly ./collimate-gnark ./sp1/koalabear)
    [ "$base" = stock ] || (cd "$out/gnark-crypto" && go test -run 'FixedBase|BatchScalarMultiplication_' ./ecc/bn254)
fi
