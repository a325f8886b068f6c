PYTHON ?= python3.11 python3.12 python3.13 python3
HOST ?= 127.0.0.1
PORT ?= 3000
UI_PORT ?= 5000
VERSION ?= latest

# Variables that are already set win.
export STOCKS_HOME ?= $(CURDIR)/var
export BENTOML_HOME ?= $(STOCKS_HOME)/bentoml
export BENTOML_DO_NOT_TRACK ?= True

VENV := .venv
RUN := $(VENV)/bin/python
WHOLE := $(shell test -e $(VENV)/.whole && $(RUN) -S -c "" 2>/dev/null && echo yes)
COMPILE := $(RUN) requirements/as_pip.py pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help setup serve test train ui bento image training-image bench yahoo scale lock clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.training  ## .venv, from the locks

serve: setup  ## BentoML on HOST:PORT, predictions at once, models training in the background
	$(VENV)/bin/bentoml serve service:StockPrediction --host $(HOST) --port $(PORT)

train: setup  ## the pipeline for all configured tickers and horizons
	$(RUN) -m training train

ui: setup  ## MLflow on UI_PORT: compare runs and versions
	$(RUN) -m training ui --port $(UI_PORT)

bento: setup  ## a bento with the champions inside, exported to dist/
	$(RUN) -m training bento

image: setup  ## stock-prediction:VERSION around that bento, also without champions, by docker, podman or buildah
	$(RUN) -m training bento --allow-empty
	deploy/image/build.sh serving stock-prediction:$(VERSION)

training-image: setup  ## stock-prediction-training:VERSION, for trainers, Dask workers and the MLflow server
	deploy/image/build.sh training stock-prediction-training:$(VERSION)

bench: $(VENV)/.dev  ## this service beside others on this machine; results in benchmarks/
	$(RUN) -m benchmarks.serving

yahoo: $(VENV)/.yahoo  ## the package that asks Yahoo for prices

scale: $(VENV)/.scale  ## the packages for training on a Dask cluster

test: $(VENV)/.dev  ## lint, types and every test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo
	env -u STOCKS_HOME -u BENTOML_HOME $(RUN) -m pytest --numprocesses 2 --cov

lock: $(VENV)/.dev  ## compile requirements/ anew from pyproject.toml
	$(COMPILE) --group bootstrap -o requirements/bootstrap.txt
	$(COMPILE) pyproject.toml -c requirements/bootstrap.txt -o requirements/serving.txt
	$(COMPILE) pyproject.toml --group yahoo -c requirements/serving.txt -o requirements/yahoo.txt
	$(COMPILE) pyproject.toml --group training -c requirements/yahoo.txt -o requirements/training.txt
	$(COMPILE) pyproject.toml --group scale -c requirements/training.txt -o requirements/scale.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/bootstrap.txt -c requirements/scale.txt -o requirements/dev.txt

clean:  ## everything that was made, except prices, runs and models in var/
	rm -rf $(VENV) dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

# What was interrupted, or has lost its Python, is set up anew.
$(VENV)/.%: requirements/%.txt requirements/bootstrap.txt $(if $(WHOLE),,anew)
	@PYTHON="$(PYTHON)" sh requirements/python.sh requirements/install.py $(VENV) $<
	@touch $@

.PHONY: anew
anew:
