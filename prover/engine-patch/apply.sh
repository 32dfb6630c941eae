#!/usr/bin/env bash
# Puts patched copies of two of the proving engine's crates below prover/.engine, where
# [patch.crates-io] in prover/Cargo.toml finds them. Each copy is the pristine crate of exactly the
# version and checksum in the main workspace's Cargo.lock, plus a hook and koala_bear_ext4.rs.
#
# COLLIMATE_ENGINE=stock unpacks the crates and leaves them as they are.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/prover/.engine
engine=${COLLIMATE_ENGINE:-patched}
version=0.4.3-succinct

fail() { echo "engine-patch: $*" >&2; exit 1; }

case $engine in patched | stock) ;; *) fail "COLLIMATE_ENGINE must be 'patched' or 'stock', not '$engine'" ;; esac

stamp=$(cat "$here"/* "$root/Cargo.lock" | sha256sum | cut -d' ' -f1)-$engine
[ "$(cat "$out/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0

checksum_of() { # name -> checksum of the locked version
    awk -v name="$1" -v version="$version" '
        $0 == "name = \"" name "\"" { hit = 1; next }
        hit && /^version = / { if ($3 != "\"" version "\"") hit = 0; next }
        hit && /^checksum = / { gsub(/"/, "", $3); print $3; exit }
        /^$/ { hit = 0 }' "$root/Cargo.lock"
}

unpack() { # name -> pristine crate below $tmp/name
    local name=$1 sum crate
    sum=$(checksum_of "$name")
    [ -n "$sum" ] || fail "Cargo.lock holds no $name $version: the patch is for that version alone. Review \
$here against the new version, or build with COLLIMATE_ENGINE=stock after removing [patch.crates-io] from prover/Cargo.toml."
    crate=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "$name-$version.crate" 2>/dev/null | head -n 1)
    [ -n "$crate" ] || fail "$name-$version.crate is not in cargo's cache: run 'cargo fetch --locked' in $root first"
    echo "$sum  $crate" | sha256sum --check --quiet - || fail "$crate does not have the checksum in Cargo.lock: delete it and run 'cargo fetch --locked'"
    mkdir -p "$tmp/$name"
    tar -xzf "$crate" -C "$tmp/$name" --strip-components 1
}

insert_after() { # file, the one line to follow, text
    local n
    n=$(grep -cxF -- "$2" "$1" || true)
    [ "$n" = 1 ] || fail "expected one line '$2' in $1, found $n"
    awk -v anchor="$2" -v text="$3" '{ print } $0 == anchor { print text }' "$1" > "$1.new"
    mv "$1.new" "$1"
}

tmp=$(mktemp -d "$root/prover/.engine-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
unpack p3-field
unpack p3-koala-bear

if [ "$engine" = patched ]; then
    insert_after "$tmp/p3-field/src/field.rs" '    fn from_f(f: Self::F) -> Self;' '
    /// The product in this ring'"'"'s degree-4 binomial extension, where a faster way is known.
    #[inline(always)]
    fn binomial_ext4_mul(_a: &[Self; 4], _b: &[Self; 4]) -> Option<[Self; 4]> {
        None
    }'
    # `mul` starts with this line; the hook returns before the generic code when the ring has a way.
    insert_after "$tmp/p3-field/src/extension/binomial_extension.rs" '        let w_af = AF::from_f(w);' '
        if D == 4 {
            let (Ok(a4), Ok(b4)) = (a[..].try_into(), b[..].try_into()) else {
                unreachable!("D is 4")
            };
            if let Some(product) = AF::binomial_ext4_mul(a4, b4) {
                let mut product = product.into_iter();
                return Self {
                    value: array::from_fn(|_| product.next().unwrap_or_default()),
                };
            }
        }
'
    cp "$here/koala_bear_ext4.rs" "$tmp/p3-koala-bear/src/ext4.rs"
    insert_after "$tmp/p3-koala-bear/src/lib.rs" 'mod extension;' 'mod ext4;'
    insert_after "$tmp/p3-koala-bear/src/koala_bear.rs" 'impl AbstractField for KoalaBear {' '
    #[inline(always)]
    fn binomial_ext4_mul(a: &[Self; 4], b: &[Self; 4]) -> Option<[Self; 4]> {
        Some(crate::ext4::mul(a.map(|x| x.value), b.map(|x| x.value)).map(|value| Self { value }))
    }'
fi

# Cargo.lock changes more often than these crates. Files that would come out the same keep their times, or
# cargo would build the whole engine again.
if [ -d "$out" ] && diff -rq --exclude=stamp "$tmp" "$out" >/dev/null; then
    echo "$stamp" > "$out/stamp"
    exit 0
fi
echo "$stamp" > "$tmp/stamp"
rm -rf "$out"
mv "$tmp" "$out"
trap - EXIT
echo "engine-patch: $engine p3-field and p3-koala-bear $version in $out" >&2
