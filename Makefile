# Everything runs in .venv, which the first target makes; PYTHON may name another interpreter.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-long lint format docs clean

demo: $(STAMP)
	$(BIN)/pyromix fit vade digits

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist worksteal -m "not long"

# Learning over several seeds: minutes each.
test-long: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical -m long

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# mypy wants a package folder whose name is an identifier: check through a link named so.
	@link=$$(mktemp -d) && ln -s "$(CURDIR)" "$$link/pyromix" && \
	MYPYPATH="$$link" $(BIN)/mypy -p pyromix --cache-dir "$(CURDIR)/.mypy_cache"; \
	status=$$?; rm -r "$$link"; exit $$status

# The pages, in build/docs; notebooks are shown as committed, and warnings are errors.
docs: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W -n --keep-going -b html -d build/.doctrees docs build/docs

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyromix needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build docs/tutorials *.egg-info .pytest_cache .mypy_cache .ruff_cache
