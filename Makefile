PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 3000
UI_PORT ?= 5000

# Variables that are already set win.
export STOCKS_HOME ?= $(CURDIR)/var
export BENTOML_HOME ?= $(STOCKS_HOME)/bentoml
export BENTOML_DO_NOT_TRACK ?= True

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.PHONY: help setup serve test train ui bento lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 10

setup: $(VENV)/.training  ## .venv, from the locks

serve: setup  ## BentoML on HOST:PORT, models training in the background
	$(VENV)/bin/bentoml serve service:StockPrediction --host $(HOST) --port $(PORT)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.training: requirements/training.txt | $(VENV)/bin/python
	$(PIP) -r $<
	@touch $@
