# Raven's workshop: `make` says what there is. Go is all that is needed; the
# other tools are built by it, into bin/tools.

GO        ?= go
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TESTFLAGS ?=
FUZZTIME  ?= 30s
LOCOMO    ?=
VECTORS   ?=
LOADFLAGS ?=
COUNT     ?= 6
BENCH     ?= ^Benchmark(Authenticate|Ingest|Context.*|Sealing|Search|Seal.*1KiB|Open.*1KiB|Append|Take|Decode|Encode)$$
BENCHED   ?= ./core/... ./adapters/fiber ./adapters/sqlite ./adapters/redis ./adapters/memlimit ./app
VULNDB    ?=

GOLANGCI    := bin/tools/golangci-lint-v2.15.0
GOVULNCHECK := bin/tools/govulncheck-v1.9.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Serve on http://localhost:3000 and walk through the main job.
	./bin/raven demo

.PHONY: run
run: build ## Serve on http://localhost:3000.
	./bin/raven serve

# Without debug tables, paths and build ids, so that the same source gives the
# same bytes everywhere.
.PHONY: build
build: ## Build ./bin/raven, static and reproducible.
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -buildid= -X main.version=$(VERSION)' -o bin/raven ./app/raven

.PHONY: test
test: ## Run all tests, with the race detector where there is a C compiler. TESTFLAGS=…
	@if CGO_ENABLED=1 $(GO) test -race -run '^$$' errors >/dev/null 2>&1; then \
		export CGO_ENABLED=1 race=-race; \
	else \
		echo 'no working C compiler: the tests run without the race detector'; \
	fi; \
	set -x; $(GO) test $$race -timeout 30m $(TESTFLAGS) ./...

.PHONY: race
race: ## Run all tests with the race detector, or fail where it cannot run.
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $(TESTFLAGS) ./...

.PHONY: lint
lint: $(GOLANGCI) ## Run the linters of .golangci.yml.
	$(GOLANGCI) run ./...

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look for known vulnerabilities in what is shipped. VULNDB=file:///… for another database
	$(GOVULNCHECK) $(if $(VULNDB),-db $(VULNDB)) ./app/...

.PHONY: recall
recall: ## Measure recall through the HTTP API, and what each signal brings. LOCOMO=path of a locomo file
	@test -n '$(LOCOMO)' || { echo 'usage: make recall LOCOMO=path/to/locomo.json' >&2; exit 2; }
	$(GO) run ./test/recall -data '$(LOCOMO)'
	$(GO) run ./test/recall -data '$(LOCOMO)' -report test/recall/SIGNALS.md

.PHONY: peers
peers: ## Have other memories do the same work, and print the table. LOCOMO=… VECTORS=…
	@test -n '$(LOCOMO)' || { echo 'usage: make peers LOCOMO=path/to/locomo.json' >&2; exit 2; }
	$(GO) run ./test/peers -data '$(LOCOMO)' $(if $(VECTORS),-vectors '$(VECTORS)')

# Two outputs are compared by go run golang.org/x/perf/cmd/benchstat@latest.
.PHONY: bench
bench: ## Benchmark the hot paths, six times each, for benchstat. COUNT=6, BENCH=. BENCHED=./... for all there are
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 2h $(TESTFLAGS) $(BENCHED)

.PHONY: load
load: ## Measure requests a second, latencies and CPU time, beside bare floors. LOADFLAGS=-growth=… -steady=…
	$(GO) run ./test/load $(LOADFLAGS)

.PHONY: proof
proof: ## Try to break Raven, measure it, and write test/RESULTS.md. LOCOMO=… for recall
	$(GO) run ./test/proof -locomo '$(LOCOMO)'

.PHONY: proof-long
proof-long: ## The same for hours: a thousand kills, millions of requests.
	$(GO) run ./test/proof -long -locomo '$(LOCOMO)'

.PHONY: fuzz
fuzz: ## Run every fuzz target for a while, and say what each came to. FUZZTIME=30s
	$(GO) run ./test/fuzz -time $(FUZZTIME)

.PHONY: cover
cover: ## Measure how much of the code the tests run.
	@mkdir -p bin
	$(GO) test -coverprofile bin/cover.out -coverpkg ./core/...,./adapters/...,./app/...,./config/... $(TESTFLAGS) ./...
	$(GO) tool cover -func bin/cover.out | tail -n 1

.PHONY: clean
clean: ## Remove what was built. Data stays.
	rm -rf bin

.PHONY: ci
ci: ## Run every check that a change must pass.
	.ci/run

bin/tools/golangci-lint-%:
	GOBIN='$(CURDIR)/bin/tools' CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$*
	mv bin/tools/golangci-lint $@

bin/tools/govulncheck-%:
	GOBIN='$(CURDIR)/bin/tools' CGO_ENABLED=0 $(GO) install golang.org/x/vuln/cmd/govulncheck@$*
	mv bin/tools/govulncheck $@
