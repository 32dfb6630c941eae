#!/usr/bin/env bash
# Makes the sample proofs again: all, or those that are named.
#   proofs/make.sh [NAME...]
# COLLIMATE_PROVER names the prover's command (default: prover/target/release/collimate-prover).
set -euo pipefail
cd "$(dirname "$0")"
prover=${COLLIMATE_PROVER:-../prover/target/release/collimate-prover}
[ -x "$prover" ] || { echo "proofs/make.sh: no prover at $prover: run 'make prover', or set COLLIMATE_PROVER" >&2; exit 1; }
[ $# -gt 0 ] || set -- *.input
for name; do
    name=${name%.input}
    echo "proving $name" >&2
    "$prover" prove "../programs/elf/$name.elf" --input "$name.input" --out "$name.proof" --vk-out "$name.vk"
done
