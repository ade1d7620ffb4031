# Every target sets up what it needs. ARGS goes to the program behind it: make test ARGS="-k leases".

PYTHON ?= python3
ARGS ?=
HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 2
TASKS ?= 2
# Processes that run tests: half their time they wait for others, such as browsers, workers and the database.
TESTERS ?= 3

PY := .venv/bin/python
READY := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup lock demo test check stress bench screens run worker clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Create .venv with the locked dependencies

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "TestIO Desk needs Python 3.11 or newer. Name one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv >/dev/null 2>&1 || { \
	  : "Debian ships venv without pip; its own pip, where there is one, can fill the gap"; \
	  $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(PY) install --quiet pip; } || { \
	  rm -rf .venv; \
	  echo "Python cannot make virtual environments here. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

lock: $(READY) ## Write requirements.lock from pyproject.toml (ARGS=--upgrade takes newer versions)
	.venv/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --quiet --custom-compile-command "make lock" --output-file requirements.lock $(ARGS)

demo: $(READY) ## A first sync from a simulated TestIO, then the site (ARGS=--once: without serving)
	DATABASE_URL= TESTIO_CUSTOMER_API_TOKEN= DATA_DIR=var/demo DJANGO_DEBUG=true \
	  DJANGO_ALLOWED_HOSTS=localhost,127.0.0.1 $(PY) manage.py demo $(ARGS)

test: $(READY) ## Run the tests
	$(PY) -m pytest -n $(TESTERS) --dist worksteal -m "not stress" $(ARGS)

check: $(READY) ## Lint, formatting, types, Django's checks, migrations complete
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	DATA_DIR=var/check $(PY) manage.py check
	DATA_DIR=var/check $(PY) manage.py makemigrations --check --dry-run

stress: $(READY) ## The long, full-size fault, kill and race tests
	$(PY) -m pytest -m stress $(ARGS)

bench: $(READY) ## Measure speed and memory, as JSON
	$(PY) -m bench $(ARGS)

screens: $(READY) ## Photograph the main screens of a simulated company into docs/screens
	$(PY) -m tests.photographs

# Fewer threads per worker than its pool has connections, so that no request waits for one.
run: $(READY) ## Production: migrate, collect static files, then serve on HOST and PORT
	$(PY) manage.py migrate --noinput
	$(PY) manage.py collectstatic --noinput
	$(PY) manage.py check --deploy
	.venv/bin/granian --interface wsgi --no-ws --host $(HOST) --port $(PORT) --workers $(WORKERS) \
	  --blocking-threads 16 $(ARGS) testio_site.wsgi:application

worker: $(READY) ## Migrate, then refresh in the background: TASKS at once, and a beat that ticks
	$(PY) manage.py migrate --noinput
	exec .venv/bin/celery --quiet --app testio_site worker --beat --concurrency $(TASKS) \
	  --hostname desk-$$$$@%h $(ARGS)

clean: ## Remove caches and what tests left; .venv and the data in var stay
	rm -rf var/test var/check .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
