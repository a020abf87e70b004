# `make run` and `make test` need nothing but Debian 12 or Ubuntu and
# root (or sudo): scripts/setup installs what is missing.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
SEAWALL := $(TARGET)/release/seawall
PATH := $(CURDIR)/.tools/python/bin:$(CURDIR)/.tools/node_modules/.bin:$(HOME)/.cargo/bin:$(PATH)
export PATH

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: run
run: setup build ## build, start the server on loopback, scan and watch this machine
	exec $(SEAWALL) server --sensor auto $(SERVER_FLAGS)

.PHONY: demo
demo: setup build ## as `make run`, with a demonstration environment and a few harmless attacks
	scripts/play-attacks --when-watched &
	exec $(SEAWALL) server --demo --sensor auto $(SERVER_FLAGS)

.PHONY: build
build: ui/dist/index.html ## build the dashboard, the server and the node sensor
	cargo build --release --locked --package seawall --package sensor
	cargo build --release --locked --manifest-path crates/malware/Cargo.toml --target-dir $(TARGET)

ui/dist/index.html: $(shell find ui -name node_modules -prune -o -name dist -prune -o -type f -print 2>/dev/null)
	cd ui && npm ci && npm run build

.PHONY: setup
setup:
	@scripts/setup build

.PHONY: test
test: ## run every test; says what it skips and why
	scripts/setup test
	scripts/test

.PHONY: lint
lint: ## formatting, clippy and tidy alone
	scripts/test lint

.PHONY: fuzz
fuzz: ## run every fuzz target for SECONDS_EACH seconds (60)
	scripts/fuzz $(or $(SECONDS_EACH),60)

.PHONY: bench
bench: ## measure scanning, compiling and matching
	scripts/bench

.PHONY: screenshots
screenshots: build ## photograph the dashboard, light, dark and phone
	scripts/screenshots
