# The one list of commands. CI calls `make test` and nothing else.
.DEFAULT_GOAL := help
.PHONY: help check test bench paths soak model chaos attacks mutants plans fuzz demo build helm apiserver image release fmt generate sdk tools deny

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## The quick loop: format, clippy with warnings denied, unit tests
	cargo fmt --all -- --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked --lib --quiet

test: ## Everything: also both databases, buf lint, the demo, the README's commands (installs what it needs)
	@bash scripts/test.sh

bench: ## Figures beside their floors, written to docs/performance.md (some 13 minutes, 20 GB of disk); ONLY="reads writes" some of them
	@bash scripts/bench.sh run

paths: ## Figures of the pure paths that every call takes (criterion; builds for release)
	cargo bench --locked --manifest-path bench/Cargo.toml --target-dir target/bench --bench paths

soak: ## The same work for SOAK seconds (1800); fails when the memory grows
	@bash scripts/bench.sh soak

model: ## 10,000 random sequences of calls, answers and faults; SEED=… CASES=… choose others
	CASES=$(or $(CASES),10000) cargo test --locked --test it -- model:: --nocapture

chaos: ## What it must survive, tried in full (hours): faults, kills, pauses, restarts, restores; FILTER=kills one of them
	@bash scripts/chaos.sh $(FILTER)

attacks: ## What strangers and clients can do to connections, in full, and 1,000 certificate reloads (some 15 minutes)
	ATTACKS=1 cargo test --locked --test it -- edge::attacks edge::reloads --nocapture --test-threads=1

mutants: ## Take away each condition that keeps partners apart, and see a test notice (some 15 minutes)
	@bash scripts/mutants.sh

plans: ## The plan of every statement at 100,000 registrations: none may read a large table whole (some 4 minutes)
	@bash scripts/plans.sh

fuzz: ## Fuzz the readers of strangers' texts, TIME seconds each (60), TARGETS some of them; needs nightly
	@bash scripts/fuzz.sh $(or $(TIME),60) $(TARGETS)

demo: ## The whole job on this machine, shown step by step; ONCE=1 ends by itself
	cargo build --locked
	target/debug/litebox-partner demo $(if $(ONCE),--once)

build: ## The binary as it is deployed
	cargo build --locked --release

helm: ## The chart's tests alone
	@bash scripts/helm.sh

apiserver: ## The chart on a real API server, whose binaries KUBE_APISERVER and ETCD name; not run without them
	@bash scripts/apiserver.sh

image: ## The root directory of the image, assembled and run as its user
	@bash scripts/image.sh

release: ## What a release consists of, into dist/: binary, symbols, chart, descriptors, client libraries, SBOM, checksums
	@bash scripts/release.sh

fmt: ## Format the code
	cargo fmt --all

generate: ## The code of the clients in sdk/, from the contract (needs Go, Python, npm)
	@bash scripts/generate.sh

sdk: ## The client libraries: unit tests, packages, conformance; LANGUAGES="go python" some of them
	@bash scripts/sdk.sh $(LANGUAGES)

tools: ## Install what the tests need beside Rust: PostgreSQL, buf, grpcurl, helm, promtool
	@bash scripts/tools.sh

deny: ## Licences, bans and duplicates of dependencies (needs cargo-deny)
	cargo deny --locked check bans licenses sources
