# Two commands for everybody: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OTHERS := $(VENV)-readers
# A process a core, of one thread each: more threads would wait for one another.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile

.PHONY: help setup readers programs demo accuracy bench test test-all lint types imports check clean

help:           ## show this
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | sort

setup: $(READY) ## make the environment with the pinned versions
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

readers: $(OTHERS)/.ready ## other tools' readers, for the tests of what is exported to them
$(OTHERS)/.ready: tests/foreign/requirements.txt constraints.txt
	$(PYTHON) -m venv $(OTHERS)
	$(OTHERS)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(OTHERS)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r tests/foreign/requirements.txt
	@touch $@

programs:       ## Debian's programs that some tests drive, dciodvfy and Chromium; as root, else those tests skip
	@missing=; \
	command -v dciodvfy >/dev/null || missing="$$missing dicom3tools"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	ldconfig -p 2>/dev/null | grep -q libgomp.so.1 || missing="$$missing libgomp1"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "not installed, and only root can, on Debian:$$missing; the tests that need them skip" >&2; exit 0; \
	fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing

demo: $(READY)  ## the whole way on simulated studies, in minutes on a CPU
	$(BIN)/zonate demo -o demo --overwrite

accuracy: $(READY) ## every method on the same folds and time of a core, two runs at a time: DATA=FOLDER [WORK=FOLDER] [MINUTES=18]
	@test -n "$(DATA)" || { echo "give the folder of the data sets: make accuracy DATA=FOLDER" >&2; exit 2; }
	$(BIN)/python -m benchmarks.accuracy --data $(DATA) --work $(or $(WORK),runs/accuracy) \
	  --minutes $(or $(MINUTES),18) --parallel 2

bench: $(READY) readers ## seconds of each part, beside their floor and other tools: STUDY=FOLDER [T2W_ONLY=FOLDER] [REPEATS=5]
	@test -n "$(STUDY)" || { echo "give a DICOM study: make bench STUDY=FOLDER" >&2; exit 2; }
	$(BIN)/python -m benchmarks.speed $(STUDY) $(if $(T2W_ONLY),--t2w-only $(T2W_ONLY)) \
	  --repeats $(or $(REPEATS),5) --readers $(OTHERS)/bin/python

test: $(READY)  ## the fast tests
	$(PYTEST) -m 'not slow'

test-all: $(READY) readers ## all tests, the longest first
	$(PYTEST) --no-loadscope-reorder

lint: $(READY)  ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

imports: $(READY) ## the floors: imports go downward only
	$(BIN)/lint-imports

check: lint types imports ## what CI asks for besides the tests

clean:          ## remove the environment and what the demo wrote
	rm -rf $(VENV) $(OTHERS) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
