# Needs python3 (3.11 to 3.13) and make. The first target that runs Python installs into $(VENV).
#   make test PYTEST_ARGS="tests/test_audio.py -x"    one file
#   make demo PYTHON=python3.12                       another Python
#   make demo EXTRAS=gpu                              TensorFlow with CUDA, in .venv-gpu

PYTHON ?= python3
EXTRAS ?=
VENV ?= .venv$(if $(EXTRAS),-$(EXTRAS))
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMMA := ,
PACKAGE := .[dev$(if $(EXTRAS),$(COMMA)$(EXTRAS))]
# With extras the user chooses the TensorFlow wheel; without, a machine without GPU is served.
CPU := $(if $(EXTRAS),,--override requirements-cpu.txt -r requirements-cpu.txt)

.PHONY: help demo test backends lint notebooks docs bench clean

help:  ## list the targets (default)
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 20

demo: $(STAMP)  ## train on the built-in synthetic corpus and write an illustrated report
	$(BIN)/python -m serkeras demo

test: $(STAMP)  ## run the tests (real recordings too where SERKERAS_DATA names them)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

backends: $(STAMP)  ## install JAX, PyTorch and transformers: the tests then run on and against them
	@# With pip, which prefers a CPU build of PyTorch where one is offered beside the others.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check jax 'torch==2.13.0' \
	  'transformers>=5.23,<6'
	@# The reference of the image networks; by itself it would bring another build of PyTorch.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'torchvision==0.28.0'

lint: $(STAMP)  ## check style
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

notebooks: $(STAMP)  ## build and execute every notebook from notebooks/src
	$(BIN)/python notebooks/build.py

docs: $(VENV)/.docs  ## build the documentation site into site/ and stop at any warning
	@# The theme prints an advertisement of its successor unless told not to.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "site/index.html is the first page; its search needs: python -m http.server -d site"

bench: $(STAMP)  ## measure speed beside peers
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

clean:  ## remove what make installed and what tools left behind (never results or runs)
	rm -rf .venv .venv-gpu build dist site *.egg-info .pytest_cache .ruff_cache
	find serkeras tests notebooks benchmarks docs -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): requirements.txt requirements-cpu.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "serkeras needs Python 3.11, 3.12 or 3.13. Received: no command '$(PYTHON)'." \
	    "Install Python, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "serkeras needs Python 3.11, 3.12 or 3.13. Received: $$($(PYTHON) --version)." \
	    "Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "The virtual environment needs Python's venv module. Received: $(PYTHON) without it." \
	    "Install it (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 1; }
	@echo "Installing into $(VENV) (about 2.5 GB, once)."
	@# A folder whose Python does not start (moved, or Python upgraded) is made anew.
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5,<1' \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode $(CPU) -e '$(PACKAGE)' \
	  || { echo "uv could not install; trying pip (full TensorFlow wheel, slower)." >&2; \
	       $(BIN)/python -m pip install --disable-pip-version-check -e '$(PACKAGE)'; }
	@touch $@

$(VENV)/.docs: $(STAMP)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python $(CPU) -e '.[docs]' \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@
