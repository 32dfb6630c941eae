#!/usr/bin/env bash
# Builds the zkVM guests into elf/ with Debian's compiler; needs no toolchain of the zkVM's vendor.
#
#   programs/build.sh            build all guests; write elf/<name>.elf and elf/<name>.json
#   programs/build.sh --check    build everything in two fresh folders, and fail unless both results are
#                                byte-identical to each other and to the committed ones
#
# Environment:
#   PROGRAMS_TARGET_DIR   where cargo builds (default: programs/target; --check uses fresh folders)
#   COLLIMATE_PROVER      the prover, which computes program ids (default: collimate-prover in the
#                         PATH, or below PROVER_TARGET_DIR or prover/target)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
# Programs that people recognise, to try the service with.
samples=(fibonacci ecdsa_secp256k1 sha256_preimage)
samples_on_core=(merkle_membership)

fail() { echo "programs: error: $1" >&2; echo "programs:   remedy: $2" >&2; exit 1; }

find_tools() {
    local tool
    for tool in rustc cargo; do
        [ -x "/usr/bin/$tool" ] || fail "/usr/bin/$tool is missing" "run scripts/setup.sh --guests"
    done
    [ -e /usr/lib/rustlib/src/rust/library/Cargo.lock ] ||
        fail "the sources of Rust's standard library are missing" "run scripts/setup.sh --guests"
    # Debian's compiler comes without a linker of its own version; the pinned toolchain has one.
    linker=$(cd "$root" && rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld
    [ -x "$linker" ] || fail "$linker is missing" "run scripts/setup.sh, which installs the pinned toolchain"
    prover=${COLLIMATE_PROVER:-$(command -v collimate-prover ||
        echo "${PROVER_TARGET_DIR:-$root/prover/target}/release/collimate-prover")}
    [ -x "$prover" ] || fail "$prover is missing" "build it (make build) or set COLLIMATE_PROVER"
    toolchain=$(printf '%s\n%s\n' "$(/usr/bin/rustc --version)" "$("$linker" -flavor gnu --version)")
}

# build_guests TREE TARGET_DIR NAME... : builds guests of the source tree TREE, each on its own, so that
# features that one of them needs never change another. Uses `profile`, and `extra_flags` for the compiler.
build_guests() {
    local tree=$1 target=$2 name
    shift 2
    local flags=(
        -Zunstable-options # for a target of one's own
        -C passes=lower-atomic
        -C link-arg=--image-base=0x78000000
        -C panic=abort
        --cfg 'getrandom_backend="custom"'
        -C llvm-args=-misched-prera-direction=bottomup
        -C llvm-args=-misched-postra-direction=bottomup
        -C "linker=$linker"
        "--remap-path-prefix=$tree=/collimate"
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
        "--remap-path-prefix=$target=/target"
        "${extra_flags[@]}"
    )
    local encoded
    encoded=$(IFS=$'\x1f'; echo "${flags[*]}")
    for name; do
        echo "programs: building $name" >&2
        # The target by its name: a target's path would become part of every symbol's hash.
        (cd "$tree/programs" && env -u RUSTFLAGS -u RUSTC_WRAPPER -u CARGO_BUILD_TARGET \
            RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$target" CARGO_INCREMENTAL=0 \
            RUST_TARGET_PATH="$tree/programs" CARGO_ENCODED_RUSTFLAGS="$encoded" \
            /usr/bin/cargo build --profile "$profile" --locked --quiet --ignore-rust-version -p "$name" \
            --target riscv64im-succinct-zkvm-elf \
            -Zbuild-std=core,alloc,std,panic_abort -Zbuild-std-features=compiler-builtins-mem)
        install -m 644 "$target/riscv64im-succinct-zkvm-elf/$profile/$name" "$tree/programs/elf/$name.elf"
        describe "$tree/programs/elf/$name"
    done
}

# describe ELF-WITHOUT-SUFFIX : its program id, the words of its verifying key and its hash, as JSON.
describe() {
    "$prover" program-id "$1.elf" --json >"$1.json" || fail "no program id for $1.elf" "see the message above"
}

# build_all TREE TARGET_DIR : builds every guest of TREE into TREE/programs/elf.
build_all() {
    local tree=$1 target=$2
    mkdir -p "$tree/programs/elf"
    local profile=release extra_flags=()
    build_guests "$tree" "$target" "${samples[@]}"
    # Without source locations in panics, a new comment in crates/core does not rename a program.
    extra_flags=(-Zlocation-detail=none)
    build_guests "$tree" "$target" "${samples_on_core[@]}"
    profile=aggregator
    build_guests "$tree" "$target" user_proof_aggregator
    # The final guest holds the verifying key of the guest below it as a constant.
    tr -d ' \n' <"$tree/programs/elf/user_proof_aggregator.json" |
        sed 's/.*"vk_words":\(\[[^]]*\]\).*/\1\n/; s/,/, /g' \
            >"$tree/programs/chunk_aggregator/user_proof_aggregator.words"
    build_guests "$tree" "$target" chunk_aggregator
    echo "$toolchain" >"$tree/programs/elf/toolchain.txt"
}

# check : two copies of the sources, in folders whose paths differ in length too.
check() {
    local folder name
    folder=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$folder'" EXIT
    for name in first the-second/deeper; do
        mkdir -p "$folder/$name/crates"
        cp -a "$root/crates/core" "$folder/$name/crates/"
        tar -C "$root" --exclude=programs/target --exclude=programs/elf -c programs | tar -C "$folder/$name" -x
        build_all "$folder/$name" "$folder/$name/target"
    done
    diff -r "$folder/first/programs/elf" "$folder/the-second/deeper/programs/elf" >&2 ||
        fail "two builds of the same sources differ" "find the path or time that got into the ELF"
    if ! diff -r "$root/programs/elf" "$folder/first/programs/elf" >&2 ||
        ! diff {"$root","$folder/first"}/programs/chunk_aggregator/user_proof_aggregator.words >&2; then
        [ "$toolchain" = "$(cat "$root/programs/elf/toolchain.txt")" ] ||
            fail "the committed ELFs are of another compiler than this machine's" \
                "compare programs/elf/toolchain.txt; install that version, or commit a new build on purpose"
        fail "the committed ELFs are not what the sources build" "run programs/build.sh and commit programs/elf"
    fi
    echo "programs: both builds are byte-identical to the committed ELFs" >&2
}

case ${1-} in
'') find_tools; build_all "$root" "${PROGRAMS_TARGET_DIR:-$root/programs/target}" ;;
--check) find_tools; check ;;
*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac
