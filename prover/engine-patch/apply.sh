#!/usr/bin/env bash
# Puts copies of some of the proving engine's crates below prover/.engine, where [patch.crates-io] in
# prover/Cargo.toml finds them. Each copy is the pristine crate of exactly the version and checksum in the
# main workspace's Cargo.lock (or below, for what that does not need), plus patches/CRATE.patch; and our own
# files, in koala-bear/, bn254/, slop-merkle-tree/, sp1-hypercube/ and sp1-prover/.
#
# COLLIMATE_ENGINE=stock unpacks the crates and leaves their sources as they are.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/prover/.engine
engine=${COLLIMATE_ENGINE:-patched}

fail() { echo "engine-patch: $*" >&2; exit 1; }

case $engine in patched | stock) ;; *) fail "COLLIMATE_ENGINE must be 'patched' or 'stock', not '$engine'" ;; esac

stamp=$(find "$here" -type f -print0 | sort -z | xargs -0 cat | cat - "$root/Cargo.lock" | sha256sum | cut -d' ' -f1)-$engine
[ "$(cat "$out/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0

# Crates that are not in the main workspace's Cargo.lock. The prover's own has no checksums of patched crates.
declare -A checksums=(
    [sp1-core-machine-6.10.0]=dac96c5bb29221231f639d431a549a6ee587a585da565fcfd2399718fb22dc21
    [sp1-prover-6.10.0]=4f04756def83f48b4c769eaab2910a706ec96d880ef07c3071c5ea69ec2f8238
)

checksum_of() { # name version -> checksum of the locked version
    if [ -n "${checksums[$1-$2]:-}" ]; then
        echo "${checksums[$1-$2]}"
        return
    fi
    awk -v name="$1" -v version="$2" '
        $0 == "name = \"" name "\"" { hit = 1; next }
        hit && /^version = / { if ($3 != "\"" version "\"") hit = 0; next }
        hit && /^checksum = / { gsub(/"/, "", $3); print $3; exit }
        /^$/ { hit = 0 }' "$root/Cargo.lock"
}

unpack() { # version name... -> pristine crates below $tmp/name
    local version=$1 name sum crate
    shift
    for name; do
        sum=$(checksum_of "$name" "$version")
        [ -n "$sum" ] || fail "Cargo.lock holds no $name $version: the patch is for that version alone. Review \
$here against the new version, or build with COLLIMATE_ENGINE=stock after removing [patch.crates-io] from prover/Cargo.toml."
        crate=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "$name-$version.crate" 2>/dev/null | head -n 1)
        [ -n "$crate" ] || fail "$name-$version.crate is not in cargo's cache: run 'cargo fetch --locked' in $root first"
        echo "$sum  $crate" | sha256sum --check --quiet - || fail "$crate does not have the checksum in Cargo.lock: delete it and run 'cargo fetch --locked'"
        mkdir -p "$tmp/$name"
        # With the time of now: archives hold old times, with which cargo would not see that a patch is gone.
        tar -xzf "$crate" -C "$tmp/$name" --strip-components 1 --touch
    done
}

depend() { # crate dependency version: in both engines, so that the lock file is the same
    printf '\n[dependencies.%s]\nversion = "%s"\n' "$2" "$3" >>"$tmp/$1/Cargo.toml"
}

tmp=$(mktemp -d "$root/prover/.engine-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
unpack 0.4.3-succinct p3-bn254-fr p3-field p3-koala-bear p3-poseidon2
callers=(slop-tensor slop-multilinear slop-jagged slop-basefold-prover sp1-hypercube)
unpack 6.10.0 "${callers[@]}" slop-merkle-tree sp1-core-machine sp1-prover
for crate in "${callers[@]}"; do depend "$crate" p3-koala-bear =0.4.3-succinct; done
depend slop-basefold-prover rayon 1.10.0
depend slop-merkle-tree rayon 1.10.0

if [ "$engine" = patched ]; then
    for patch in "$here"/patches/*.patch; do
        name=$(basename "$patch" .patch)
        patch --directory="$tmp/$name" --strip=1 --fuzz=0 --quiet --no-backup-if-mismatch <"$patch" ||
            fail "$patch does not fit $name"
    done
    cp "$here"/koala-bear/*.rs "$tmp/p3-koala-bear/src/"
    cp "$here"/bn254/*.rs "$tmp/p3-bn254-fr/src/"
    cp "$here"/slop-merkle-tree/*.rs "$tmp/slop-merkle-tree/src/"
    cp "$here"/sp1-hypercube/packed.rs "$tmp/sp1-hypercube/src/prover/zerocheck/"
    cp "$here"/sp1-prover/*.rs "$tmp/sp1-prover/src/worker/prover/"
fi

# Cargo.lock changes more often than these crates. Files that would come out the same keep their times, or
# cargo would build the whole engine again.
if [ -d "$out" ]; then
    for crate in "$tmp"/*/; do
        name=$(basename "$crate")
        if diff -rq "$crate" "$out/$name" >/dev/null 2>&1; then
            rm -rf "$crate"
            mv "$out/$name" "$crate"
        fi
    done
fi
echo "$stamp" >"$tmp/stamp"
rm -rf "$out"
mv "$tmp" "$out"
trap - EXIT
echo "engine-patch: $engine crates in $out" >&2
