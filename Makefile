# Collimate's tasks. `make help` lists them; CONTRIBUTING.md says more.
#
# Three Rust workspaces, each with a target folder of its own, since their flags differ: everything
# light (.), the proving process (prover/) and the zkVM guests (programs/). One profile: release.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

TARGET_DIR ?= target
PROVER_TARGET_DIR ?= prover/target
PROGRAMS_TARGET_DIR ?= programs/target
SCHEMATHESIS_DIR ?= $(TARGET_DIR)/schemathesis
DEMO_ARGS ?=

# Flags from outside would replace those of prover/.cargo/config.toml: proving would be 3.5 times slower.
unexport RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_TARGET_DIR
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
export PROGRAMS_TARGET_DIR := $(abspath $(PROGRAMS_TARGET_DIR))
export SCHEMATHESIS_DIR := $(abspath $(SCHEMATHESIS_DIR))

# cargo takes .cargo/config.toml from the folder that it runs in, so the prover's commands run in prover/.
cargo := CARGO_TARGET_DIR=$(abspath $(TARGET_DIR)) cargo
cargo_prover := cd prover && CARGO_TARGET_DIR=$(abspath $(PROVER_TARGET_DIR)) cargo
prover_binary := $(abspath $(PROVER_TARGET_DIR))/release/collimate-prover
step = @scripts/step "$@"

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what this machine lacks (Debian 12 or Ubuntu, as root or with sudo)
	$(step) 'scripts/setup.sh'

demo: build ## aggregate real proofs on a local Ethereum node and check every claim (DEMO_ARGS=...)
	@COLLIMATE_PROVER=$(prover_binary) $(abspath $(TARGET_DIR))/release/collimated demo $(DEMO_ARGS)

demo-groth16: build gnark ## the same, and Ethereum verifies a Groth16 proof of the run itself (half an hour more; needs Go)
	@COLLIMATE_PROVER=$(prover_binary) $(abspath $(TARGET_DIR))/release/collimated demo --groth16 --state .collimate/demo-groth16 $(DEMO_ARGS)

build: services prover ## build collimate, collimated and collimate-prover
services: setup ## build the light binaries alone: collimate and collimated
	$(step) '$(cargo) build --release --locked --workspace'
prover: setup ## build the proving process alone: collimate-prover
	$(step) '$(cargo_prover) build --release --locked'
gnark: setup ## build collimate-gnark, which wraps proofs for Ethereum (needs Go 1.24 or later)
	$(step) 'prover/gnark/build.sh'

test: setup test-contracts test-main test-prover test-gnark ## run every test that proves nothing
test-contracts:
	$(step) 'contracts/bin/artifacts --check; FOUNDRY_PROFILE=ci contracts/bin/forge test'
test-main:
	$(step) '$(cargo) test --release --locked --workspace'
test-prover:
	$(step) '$(cargo_prover) test --release --locked --workspace'

test-gnark: # Go is needed by whoever wraps proofs alone, so its tests run where it is
	$(step) 'if command -v go >/dev/null; then prover/gnark/build.sh --test; else echo "skipped: there is no Go (https://go.dev/dl)"; fi'

# Tests that prove are ignored by default and have `proving` in their path: other ignored ones are parts of tests.
test-proving: build gnark setup-guests ## run the tests that prove (hours), and rebuild the guests twice
	$(step) 'COLLIMATE_PROVER=$(prover_binary) programs/build.sh --check'
	$(step) '$(cargo_prover) test --release --locked --workspace proving -- --ignored --test-threads=1'
	$(step) 'COLLIMATE_PROVER=$(prover_binary) $(cargo) test --release --locked --workspace proving -- --ignored --test-threads=1'

test-slow: test-api test-minutes test-proving ## run what `make test` leaves out
test-minutes: ## run the tests that wait for minutes
	$(step) '$(cargo) test --release --locked --workspace minutes -- --ignored'
test-api: ## let schemathesis look for server errors of gateway and batcher (minutes)
	$(step) 'scripts/setup.sh --api'
	$(step) 'COLLIMATE_SCHEMATHESIS=$(SCHEMATHESIS_DIR)/bin/schemathesis $(cargo) test --release --locked --workspace schemathesis -- --ignored'

lint: setup-lint lint-format lint-scripts lint-deps lint-main lint-queries lint-prover ## check formatting, scripts, dependencies; clippy
setup-lint:
	$(step) 'scripts/setup.sh --lint'
lint-format:
	$(step) 'cargo fmt --all --check; (cd prover && cargo fmt --all --check); (cd programs && cargo fmt --all --check); contracts/bin/forge fmt --check'
lint-scripts:
	$(step) "git grep -lE '^#!(/usr)?/bin/(env )?(ba)?sh$$' | xargs shellcheck --severity=warning"
lint-deps: # cargo-deny takes minutes to compile, so it is used where it is installed; advisories need the network
	$(step) 'if command -v cargo-deny >/dev/null; then for m in Cargo.toml prover/Cargo.toml programs/Cargo.toml; do cargo deny --frozen --config deny.toml --manifest-path $$m check bans licenses sources; done; else echo "skipped: cargo-deny is not installed (cargo install --locked cargo-deny)"; fi'
lint-main:
	$(step) '$(cargo) clippy --release --locked --workspace --all-targets -- -D warnings'
lint-queries: # the committed metadata is what the migrations and a real PostgreSQL give
	$(step) 'CARGO_TARGET_DIR=$(abspath $(TARGET_DIR)) crates/store/prepare.sh --check'
lint-prover:
	$(step) '$(cargo_prover) clippy --release --locked --workspace --all-targets -- -D warnings'

programs: setup-guests prover ## rebuild the zkVM guests: ELFs and program ids below programs/elf
	$(step) 'COLLIMATE_PROVER=$(prover_binary) programs/build.sh'
setup-guests:
	$(step) 'scripts/setup.sh --guests'

bench: build ## measure speed and memory (docs/benchmarks.md; gas is in contracts/snapshots)
	$(step) '$(cargo) bench --profile release --locked --workspace'
	$(step) '$(prover_binary) bench --small --counts 2,4,8'

bench-proving: setup ## measure proving with the stock engine and with ours, in turns (half an hour and more)
	$(step) 'scripts/bench-proving $(abspath $(PROVER_TARGET_DIR))'

.PHONY: help setup demo demo-groth16 build services prover gnark test test-contracts test-main test-prover test-gnark test-proving test-slow test-api test-minutes \
        lint setup-lint lint-format lint-scripts lint-deps lint-main lint-queries lint-prover programs setup-guests bench bench-proving
