# The few verbs a newcomer needs. Each stands alone: demo and test work on a fresh Debian 12 that has
# git, make and python3.

PRESET ?= release
KINGPOST = build/release/kingpost
FLIGHTS = examples/flights
BENCH = bench/run.py
PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
MAKEFLAGS += --no-print-directory

.PHONY: help demo test fuzz soak build setup check format bench clean

help:
	@echo "make demo     set up, build, and run the flights example"
	@echo "make test     set up, build, and run all tests"
	@echo "make fuzz     10,000 random expressions, the SQL engine against the graph"
	@echo "make soak     a million requests of 64 clients to kingpost-serve, each its own answer"
	@echo "make build    set up and build          (PRESET=dev|release|asan)"
	@echo "make check    format, clang-tidy on changed files, and the project's own checkers"
	@echo "make format   rewrite the sources in the project's format"
	@echo "make bench    run the benchmarks beside their rivals"
	@echo "make clean    remove build folders      (.deps stays; remove it by hand)"

setup:
	@$(PYTHON) tools/setup.py

build: setup
	@$(PYTHON) tools/build.py $(PRESET)

demo: PRESET = release
demo: build
	$(KINGPOST) run $(FLIGHTS)/flights_delay.yaml
	@echo
	$(KINGPOST) run $(FLIGHTS)/flights_late.yaml
	@echo
	$(KINGPOST) status $(FLIGHTS)/flights_delay.yaml
	@echo
	$(KINGPOST) models -f $(FLIGHTS)/flights_delay.yaml
	@echo
	@echo "Look next:"
	@echo "  $(KINGPOST) data show training -f $(FLIGHTS)/flights_delay.yaml"
	@echo "  $(KINGPOST) report $(FLIGHTS)/flights_late.yaml           (writes report.html)"
	@echo "  $(KINGPOST) show flight_late -f $(FLIGHTS)/flights_late.yaml"
	@echo "  $(KINGPOST) package bundle --model flight_late -f $(FLIGHTS)/flights_late.yaml"
	@echo "  $(KINGPOST) run $(FLIGHTS)/flights_delay.yaml       (again: nothing to do)"
	@echo "  $(KINGPOST) help, and README.md"

test: build
	@ctest --preset $(PRESET) | sed -u -E '/^ +Start +[0-9]+: /d; / +Passed +[0-9.]+ sec *$$/d'

fuzz: build
	build/$(PRESET)/kingpost_fuzz_expression --expressions 10000 --rows 1000 --seed 1

soak: PRESET = release
soak: build
	KINGPOST=build/release/kingpost $(PYTHON) tests/soak/serve_soak.py

check:
	@$(PYTHON) tools/setup.py --with lint
	@$(PYTHON) tools/check.py
	@$(PYTHON) tools/format.py --check
	@$(PYTHON) tools/tidy.py

format:
	@$(PYTHON) tools/setup.py --with lint
	@$(PYTHON) tools/format.py

bench: PRESET = release
bench: build
	@$(PYTHON) tools/setup.py --with clients --with bench --with mlserver --with bentoml --with mlflow --with triton
	@$(PYTHON) $(BENCH)

clean:
	@rm -rf build
