# Needs Python 3.11 or newer and make. Everything else is installed into .venv on first use.
#   make demo PATIENTS=200         a smaller practice
#   make test ARGS="-k quality"    more options for pytest
#   make fuzz SECONDS=300        longer for each parser
#   make setup PYTHON=/path/to/python3.12

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lab bench bench-long fuzz audit docs clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PATIENTS ?= 1000
ARGS ?=
SECONDS ?= 60
PYTHON ?=
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
STRIP := --verify --keep-id --drop-tagged-cells injected-parameters \
	--extra-keys 'metadata.papermill metadata.widgets metadata.language_info cell.metadata.papermill cell.metadata.execution'

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## Make .venv and install the locked packages into it

demo: $(STAMP) ## Move a generated practice into a local Zoho CRM, with proof, into demo/
	@$(BIN)/migrator demo --out demo --replace --patients $(PATIENTS) $(ARGS)

test: $(STAMP) ## Run the tests
	@$(BIN)/python -m pytest -m "not benchmark" -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMP) ## Check style, types, and that notebooks carry no outputs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@set -- $(NOTEBOOKS); [ $$# -eq 0 ] || $(BIN)/nbstripout $(STRIP) "$$@"

lab: $(STAMP) ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --KernelManager.transport_encryption=required notebooks

bench: $(STAMP) ## Measure speed and memory, into tests/benchmarks/RESULTS.md
	@$(BIN)/python -m pytest -m benchmark -s $(ARGS)

bench-long: $(STAMP) ## The same with millions of records (an hour or two)
	@MIGRATOR_BENCHMARK_LONG=1 $(BIN)/python -m pytest -m benchmark -s -k million $(ARGS)

fuzz: $(STAMP) ## Look for inputs that break a parser, SECONDS=60 for each
	@MIGRATOR_FUZZ_SECONDS=$(SECONDS) nice -n 10 $(BIN)/python -m pytest tests/fuzz -s --timeout 0 $(ARGS)

audit: $(STAMP) ## Check pins, hashes and licences of every dependency, without a network
	@$(BIN)/python -m pytest tests/test_dependencies.py -s $(ARGS)

docs: $(STAMP) ## Write the pages and schemas that are made from the code
	@$(BIN)/python -m migrator_kit.docs

clean: ## Remove .venv and what the demo made
	@rm -rf $(VENV) demo

# The stamp is written last, so an interrupted installation is taken up again. Bytecode is compiled
# at installation: where PYTHONDONTWRITEBYTECODE is set, it would otherwise never be, and every
# start would pay for it. An installed uv stands apart: syncing could take it for a leftover.
$(STAMP): requirements.lock pyproject.toml
	@set -eu; \
	usable() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }; \
	if ! usable $(BIN)/python || [ ! -f $(VENV)/pyvenv.cfg ]; then \
		found=; \
		for name in $(if $(PYTHON),"$(PYTHON)",python3.11 python3.12 python3.13 python3.14 python3 python); do \
			if usable "$$name"; then found=$$name; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "Python 3.11 or newer is needed, and none was found$(if $(PYTHON), at $(PYTHON))." >&2; \
			echo "Install it, or name one: make setup PYTHON=/path/to/python3.12" >&2; \
			exit 1; \
		fi; \
		rm -rf $(VENV); \
		echo "Making $(VENV) with $$("$$found" --version)"; \
		if command -v uv >/dev/null 2>&1; then uv venv --quiet --python "$$found" $(VENV); \
		elif ! "$$found" -m venv $(VENV); then \
			rm -rf $(VENV); \
			echo "This Python cannot make a virtual environment (on Debian: apt install python3-venv)." >&2; \
			exit 1; \
		fi; \
	fi; \
	uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
		uv=$(VENV)/.uv/bin/uv; \
		if ! [ -x "$$uv" ]; then \
			$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
			$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(VENV)/.uv uv; \
		fi; \
	fi; \
	echo "Installing the packages of requirements.lock"; \
	"$$uv" pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	touch $(STAMP)
