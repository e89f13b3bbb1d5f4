# Every target does its own set-up; `make` alone lists them.

PYTHON ?= python3
PORT ?= 8000
LAYER ?= memory
MINUTES ?= 10
DOCS ?= ../channels/docs

VENV := .venv/bin/python
SAY := @printf '==> %s\n'

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint matrix tutorial bench soak docs dev-environment

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

demo: ## run the chat and its live panel (PORT=8000; LAYER=sqlite: in processes of their own)
	@$(PYTHON) scripts/environment.py server
	@test $(LAYER) = memory || $(PYTHON) scripts/environment.py $(LAYER)
	@$(VENV) -m fairway.demo --port $(PORT) --layer $(LAYER)

test: lint ## lint, then test on the oldest, the newest and the default Python here
	@$(PYTHON) scripts/system_packages.py
	@$(VENV) -m benchmarks.foreign_servers
	@$(VENV) scripts/core_tests.py
	@$(VENV) scripts/asyncio_tests.py
	@$(VENV) scripts/redis_py_matrix.py
	@$(VENV) -m nox --tags corners
	$(SAY) "all tests on $$($(VENV) --version)"
	@$(VENV) -m pytest --numprocesses 2

lint: dev-environment ## ruff, its formatter, and mypy --strict
	$(SAY) "ruff check" && $(VENV) -m ruff check .
	$(SAY) "ruff format --check" && $(VENV) -m ruff format --check .
	$(SAY) "mypy --strict" && $(VENV) -m mypy && $(VENV) -m mypy scripts/*.py noxfile.py

matrix: dev-environment ## what was written for Channels, on every Channels with every Django and redis-py
	@$(PYTHON) scripts/system_packages.py
	@mkdir -p .nox && rm -f .nox/matrix.json
	@$(VENV) -m nox --report .nox/matrix.json; status=$$?; \
	test ! -f .nox/matrix.json || $(VENV) scripts/channels_matrix.py .nox/matrix.json; exit $$status

tutorial: ## Channels' tutorial word for word, from a checkout of Channels (DOCS=../channels/docs)
	@$(PYTHON) scripts/environment.py tutorial
	@$(PYTHON) scripts/system_packages.py tutorial
	@CHANNELS_DOCS=$(abspath $(DOCS)) $(VENV) -m pytest -rP tests/channels/test_channels_tutorial.py

bench: dev-environment ## measure against the peers; prints the tables of docs/benchmarks.md
	@$(PYTHON) scripts/system_packages.py
	@$(VENV) -m benchmarks.foreign_servers
	@$(VENV) -m benchmarks

soak: dev-environment ## faults at random under load, with a ledger of every message (MINUTES=10)
	@$(PYTHON) scripts/system_packages.py
	@$(VENV) -m benchmarks.soak --minutes $(MINUTES)

docs: ## build docs/ into site/, where any warning is an error
	@$(PYTHON) scripts/environment.py docs
	@$(VENV) -m sphinx --fail-on-warning --keep-going --quiet -b html docs site
	$(SAY) "open site/index.html"

dev-environment:
	@$(PYTHON) scripts/environment.py dev
