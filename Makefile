# The project's commands. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# How long each fuzz target runs, and the coverage of proxy/ below which `make test` fails, in percent.
FUZZTIME ?= 30s
COVERAGE ?= 85
# The Debian packages that the tests and the benchmark use, each with one of its programs, by which its presence is
# detected.
DEPS := \
	gcc:gcc \
	libc6-dev: \
	fail2ban:fail2ban-server \
	python3-systemd: \
	systemd-journal-remote: \
	logrotate:logrotate \
	jq:jq \
	iproute2:ss \
	systemd:systemd-analyze \
	strace:strace \
	curl:curl \
	openssl:openssl \
	nghttp2-client:h2load \
	git:git \
	chromium:chromium \
	man-db:man \
	mandoc:mandoc \
	zsh:zsh \
	fish:fish \
	rpm:rpm \
	lintian:lintian \
	docker-compose:docker-compose \
	bind9:named \
	prometheus:promtool \
	nginx-light:nginx \
	libnginx-mod-stream: \
	haproxy:haproxy \
	hitch:hitch \
	redis-server:redis-server

# Caddy, which `make bench` builds from the module proxy, as Debian has none that is recent.
CADDY_VERSION ?= v2.11.2

# The race detector needs a C compiler.
RACE := $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null 2>&1 && echo -race)
COVER := out/cover

# The Git revision in a linked worktree, whose .git is a file: cmd/go records none there. Elsewhere nothing.
REVISION = $$(if [ -f .git ]; then git rev-parse HEAD; [ -z "$$(git status --porcelain)" ] || echo +dirty; fi | tr -d '\n')

VERSION ?=

.PHONY: help build packages run acme test lint unit conformance cover threshold soak mutants fuzz bench bench-compare profile deps

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the static binary bin/reverse-proxy.
	@mkdir -p bin
	@revision=$(REVISION); CGO_ENABLED=0 go build -trimpath -buildvcs=auto \
		$${revision:+-ldflags "-X reverse-proxy/proxy.linkedRevision=$$revision"} -o bin/reverse-proxy ./cmd/reverse-proxy
	@echo built bin/reverse-proxy

packages: ## Build binaries, .deb, .rpm and SBOM for amd64 and arm64 into out/packages/ (VERSION=1.2.3 if no tag says it).
	@go run ./deploy/packages $(if $(VERSION),-version $(VERSION))
	@cd out/packages && ls -sh1 | tail -n +2

run: ## Serve https://localhost:8443/ until Ctrl-C, with a sample upstream or your own application (UPSTREAM=127.0.0.1:5173).
	@mkdir -p out && go build -o out/quickstart ./cmd/quickstart && exec out/quickstart $(if $(UPSTREAM),-upstream "$(UPSTREAM)")

acme: ## Run the proxy next to a Pebble, with certificates from it, until Ctrl-C.
	@mkdir -p out && go build -o out/quickstart ./cmd/quickstart && exec out/quickstart -acme $(if $(UPSTREAM),-upstream "$(UPSTREAM)")

test: lint unit conformance cover threshold ## Check everything: formats, vet, staticcheck, unit tests, the suite, coverage.

lint: ## Check formats, run vet and staticcheck, and count the files of the core that refer to each other in a cycle.
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	@go run ./conformance/cycles -most 48 ./proxy

unit: ## Run the unit tests, with -race where a C compiler is there.
	@[ -n "$(RACE)" ] || echo "no C compiler found: the unit tests run without the race detector"
	@rm -rf $(COVER)/unit && mkdir -p $(COVER)/unit
	go test $(RACE) -pgo=off -count=1 -timeout 30m -cover -coverpkg=./proxy/...,./cmd/reverse-proxy/... \
		$$(go list ./... | grep -v /conformance$$) -args -test.gocoverdir="$(CURDIR)/$(COVER)/unit"
	@# The race detector falsifies these. The profile decides what is inlined, and so how large a stack must be.
	go test -count=1 -pgo=cmd/reverse-proxy/default.pgo -run 'CostsNoAllocation|WaitsWithASmallStack' ./proxy

conformance: ## Run the acceptance suite: every feature against the binary.
	@rm -rf $(COVER)/daemon && mkdir -p $(COVER)/daemon
	go test -count=1 -timeout 60m -v ./conformance

cover: ## Merge the counters of the last unit tests and of the last suite, and report them.
	@rm -rf $(COVER)/merged && mkdir -p $(COVER)/merged
	@go tool covdata merge -pcombine -i=$(COVER)/unit,$(COVER)/daemon -o $(COVER)/merged
	@go tool covdata textfmt -i=$(COVER)/merged -o $(COVER)/all.txt
	@go tool cover -func=$(COVER)/all.txt > $(COVER)/functions.txt
	@go tool covdata percent -i=$(COVER)/merged

threshold:
	@awk -v want=$(COVERAGE) '/^reverse-proxy\/proxy\// {all += $$2; if ($$3 > 0) covered += $$2} \
		END {got = all ? 100 * covered / all : 0; \
		if (got < want) {printf "coverage of proxy/ is %.1f %%, want at least %s %%\n", got, want; exit 1} \
		printf "coverage of proxy/ is %.1f %% (at least %s %% wanted)\n", got, want}' $(COVER)/all.txt

soak: export SOAK_MINUTES ?= 30
# SOAK_REQUESTS and SOAK_RELOADS make the other parts shorter.
soak: ## Run a million requests with an identity each, a thousand reloads, every fault of an upstream, restarts, everything at once for SOAK_MINUTES, and Connect's whole conformance suite.
	go test -count=1 -timeout 0 -v -run '^TestSoak' ./conformance/soak
	CONNECT_WHOLE=1 go test -count=1 -v -run '^TestConnectConformance$$' ./conformance

mutants: ## Break each promise by a small edit, and show that the tests notice (MUTANTS=regexp for some).
	go run ./conformance/mutants $(if $(MUTANTS),-run '$(MUTANTS)')

fuzz: ## Run each fuzz target for FUZZTIME.
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
		done; \
	done

bench: export BENCH_CADDY ?= bench/out/bin/caddy-$(CADDY_VERSION)
bench: ## Measure the CPU time a request next to nginx, HAProxy and Caddy (docs/performance.md).
	@mkdir -p bench/out/bin
	@[ -n "$${BENCH_BINARY:-}" ] || $(MAKE) --no-print-directory build
	@case ",$${BENCH_PEERS:-caddy}," in *,caddy,*) [ -x "$$BENCH_CADDY" ] || { \
		echo "building Caddy $(CADDY_VERSION), once"; \
		GOFLAGS= CGO_ENABLED=0 GOBIN="$(CURDIR)/bench/out/bin" \
			go install github.com/caddyserver/caddy/v2/cmd/caddy@$(CADDY_VERSION) && \
		mv bench/out/bin/caddy "$$BENCH_CADDY" || echo "Caddy was not built; going on without"; };; esac
	@go build -o bench/out/bin/bench ./bench
	@bench/out/bin/bench

BASE ?= HEAD~1

bench-compare: build ## Compare the CPU time per request with the commit BASE (HEAD~1) in 15 short rounds, and judge each scenario.
	@mkdir -p out && rm -rf out/base && git worktree prune && git worktree add -q --detach out/base "$(BASE)"
	@trap 'git worktree remove --force out/base' EXIT; \
	$(MAKE) --no-print-directory -C out/base build && \
	BENCH_BINARY=bin/reverse-proxy BENCH_BINARY2=out/base/bin/reverse-proxy BENCH_NOISE=1 BENCH_PEERS=$${BENCH_PEERS:-none} \
		BENCH_ROUNDS=$${BENCH_ROUNDS:-15} BENCH_SECONDS=$${BENCH_SECONDS:-1} $(MAKE) --no-print-directory bench

# The programs run in a temporary directory, because a profile names the file of its program.
profile: export PROFILE_SCENARIOS ?= h1-tls-1k,h2-tls-1k,h2-tls-page
profile: ## Renew cmd/reverse-proxy/default.pgo, the profile for profile-guided optimization.
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; mkdir "$$dir/profiles"; \
	CGO_ENABLED=0 go build -pgo=off -trimpath -buildvcs=false -o "$$dir/profiled" ./bench/profiled; \
	go build -o "$$dir/bench" ./bench; \
	PROFILE_DIR="$$dir/profiles" BENCH_BINARY="$$dir/profiled" BENCH_PEERS=none BENCH_OUT="$$dir" BENCH_SCENARIOS="$$PROFILE_SCENARIOS" \
		BENCH_ROUNDS=1 BENCH_SECONDS=$${BENCH_SECONDS:-5} "$$dir/bench"; \
	go tool pprof -proto -output cmd/reverse-proxy/default.pgo "$$dir"/profiles/*.pprof

# Under systemd nginx and HAProxy would take port 80 as soon as they are installed, and Prometheus 9090: they are masked
# until the next start of the machine, and not enabled for it.
deps: ## Install the Debian packages that the tests and the benchmark use and that are missing.
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=(); \
	for dep in $(DEPS); do \
		package=$${dep%%:*}; program=$${dep#*:}; \
		if [ -n "$$program" ]; then command -v $$program >/dev/null || missing+=("$$package"); \
		elif ! dpkg -s "$$package" >/dev/null 2>&1; then missing+=("$$package"); fi; \
	done; \
	if [ $${#missing[@]} = 0 ]; then echo "all packages are there"; exit 0; fi; \
	echo "missing: $${missing[*]}"; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif sudo -n true 2>/dev/null; then sudo=sudo; \
	else echo "not root and no sudo without a password: install them yourself; going on without"; exit 0; fi; \
	services=(); \
	if [ -d /run/systemd/system ]; then \
		for package in "$${missing[@]}"; do \
			case $$package in nginx-light) services+=(nginx);; bind9) services+=(named);; haproxy|prometheus|redis-server) services+=("$$package");; esac; \
		done; \
	fi; \
	if [ $${#services[@]} != 0 ]; then $$sudo systemctl mask --runtime "$${services[@]}"; fi; \
	$$sudo apt-get update -q; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$${missing[@]}"; \
	if [ $${#services[@]} != 0 ]; then $$sudo systemctl disable "$${services[@]}" || true; fi
