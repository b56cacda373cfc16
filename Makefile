# The two commands that matter: `make run` and `make test`. Both set up what they need on a fresh machine.
GO ?= go
BIN := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
OAPI_CODEGEN := github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2
GOTESTSUM := gotest.tools/gotestsum@v1.13.0
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Tests are of what is built: the same compiler settings, so that nothing is compiled twice, and no cgo, so that nothing needs ld.
export CGO_ENABLED := 0
export GOFLAGS += -trimpath

.PHONY: run test bench bench-node lint generate build mutants torture clean

run: build ## the portal with demo data, an embedded event store and a Postgres of its own
	$(BIN)/avportal dev

build: ## both binaries into bin/
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/avportal ./cmd/avagent

test: build ## all tests, with the real engines; installs what is missing and says aloud what was not checked
	.ci/prepare
	$(BIN)/avportal dev postgres -- $(GO) run $(GOTESTSUM) --format pkgname -- -timeout 20m $(TESTFLAGS) ./...

mutants: build ## each condition that keeps resellers and customers apart, taken out: the tests must notice
	AVPORTAL_MUTANTS=1 $(BIN)/avportal dev postgres -- $(GO) test -timeout 2h -run 'Mutants' ./http/api

torture: build ## the long versions of the crash tests: hours, not minutes
	AVPORTAL_TORTURE=1 $(BIN)/avportal dev postgres -- $(GO) test -timeout 6h -run 'Torture|Kill|Power|Flip' ./...

bench: ## the performance table of the README, paired in one run, as text and JSON
	$(GO) run ./cmd/bench --json bench.json $(BENCHFLAGS)

bench-node: ## the table of the embedded node alone, with a log of a million events; BENCHFLAGS=--full for ten million
	$(GO) run ./cmd/bench --only node,T24 $(BENCHFLAGS)

lint: ## static checks (compiles golangci-lint on first use: about a minute)
	$(GO) vet ./...
	$(GO) run $(GOLANGCI) run

generate: ## generated Go from the OpenAPI document
	$(GO) generate ./...

clean:
	rm -rf $(BIN)
