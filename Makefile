# thatlook: `make demo` shows it, `make check` before a commit, `make test` for everything, `make bench` for the speed.
# Packages come from wherever your pip takes them; after the install everything works offline.

PYTHON ?= python3
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=
PROCESSES ?= 2
VENV := .venv
TEST_VENV := .venv-test
TOOL := $(TEST_VENV)/bin
# Files are spread over the cores; the tests of one file share its fixtures and servers.
# A process that is lost is one failed test; begun anew it may wait for ever for the tests of its last file.
SPREAD := --dist loadfile --max-worker-restart 0
QUICK := -m "not integration and not e2e" -n auto $(SPREAD) tests/unit tests/contract
# Two processes, each with its own servers: three gigabytes of memory each. The order is that of tests/conftest.py.
# PROCESSES=0 runs one test after another.
SLOW = -m "integration or e2e" -n $(PROCESSES) $(SPREAD) --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start the program a hundred times: it is compiled once, whatever the caller's environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bench check static quick-tests lock clean

demo: $(VENV)/installed
	$(VENV)/bin/thatlook demo $(DEMO_ARGS)

# Everything: what starts no server on all cores, then the rest. With PYTEST_ARGS one run of these tests.
test: $(TEST_VENV)/installed
	.ci/system-packages
ifeq ($(PYTEST_ARGS),)
	$(TOOL)/pytest $(QUICK)
	$(TOOL)/pytest $(SLOW)
else
	$(TOOL)/pytest $(PYTEST_ARGS)
endif

# On a quiet machine. The test environment, since the way it is compared with runs on PyTorch; what was made is kept in
# .bench and used again. BENCH_ARGS=--full measures everything, for hours.
bench: $(TEST_VENV)/installed
	$(TOOL)/thatlook bench all --work .bench $(BENCH_ARGS)
	$(TOOL)/thatlook bench report --work .bench

# Two jobs beside each other: what reads the code, and what runs it.
check: $(TEST_VENV)/installed
	@$(MAKE) --no-print-directory --jobs 2 --output-sync static quick-tests

static:
	$(TOOL)/ruff check .
	$(TOOL)/ruff format --check .
	$(TOOL)/lint-imports --no-logo
	$(TOOL)/deptry .
	.ci/compose-config $(TOOL)/docker-compose
	$(TOOL)/mypy

quick-tests:
	$(TOOL)/pytest $(QUICK) $(PYTEST_ARGS)

lock: $(TEST_VENV)/installed
	$(TOOL)/python .ci/lock $(LOCK_ARGS)

# Secrets of your own for docker-compose.yml, once; an existing .env stays as it is.
.env:
	umask 077 && $(PYTHON) -c "import re, secrets, sys; print(re.sub(r'(?m)^(\w+)=$$', lambda m: m[1] + '=' + secrets.token_hex(24), sys.stdin.read()), end='')" < .env.example > $@

clean:
	rm -rf $(VENV) $(TEST_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# A stamp beside the packages: installing happens once, and again when the lock or the project's metadata changes.
# Byte code is left to the first import: a third less time and 130 MB less.
$(VENV)/installed: requirements/core.txt pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile -r requirements/core.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps -e .
	touch $@

$(TEST_VENV)/installed: requirements/test.txt requirements/cuda.txt pyproject.toml $(wildcard packaging/*/*.toml)
	test -x $(TOOL)/python || $(PYTHON) -m venv $(TEST_VENV)
	$(TOOL)/python -m pip install --quiet -r requirements/test.txt
	$(TOOL)/python -m pip install --quiet --no-deps -e .
	touch $@
