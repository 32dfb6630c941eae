#!/usr/bin/env bash
# Makes the sample proofs of circuits in proofs/fast again: all, or those of the tools that are named.
#   proofs/circuits/make.sh [gnark] [circom]
# Needs Go 1.24 or later for gnark, Node 18 or later with npm for circom, and the network for what go.sum and package-lock.json pin.
# Takes a minute, most of it for compiling gnark the first time. What fails leaves the samples as they were.
set -euo pipefail
cd "$(dirname "$0")"
fail() { echo "proofs/circuits/make.sh: $1" >&2; exit 1; }
needs() { command -v "$1" >/dev/null || fail "$1 is not here: install $2"; }

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir "$made/samples" "$made/compiled"

gnark() {
    needs go "Go 1.24 or later (https://go.dev/dl)"
    go -C gnark run . "$made/samples"
}

circom() {
    needs node "Node 18 or later"
    needs npm npm
    cd circom
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    node_modules/.bin/circom2 sudoku.circom --r1cs --wasm --O2 -o "$made/compiled" >&2
    node prove.mjs "$made/compiled" sudoku "$made/samples"
    cd ..
}

[ $# -gt 0 ] || set -- gnark circom
for tool; do
    [ "$tool" = gnark ] || [ "$tool" = circom ] || fail "no samples of $tool: name gnark or circom"
    echo "proving with $tool" >&2
    "$tool"
done
mv "$made"/samples/* ../fast/
