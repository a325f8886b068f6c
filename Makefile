PYTHON ?= python3.11 python3.12 python3.13 python3
HOST ?= 127.0.0.1
PORT ?= 3000
UI_PORT ?= 5000
VERSION ?= latest
REGISTRY ?= registry.example.com

# Variables that are already set win.
export STOCKS_HOME ?= $(CURDIR)/var
export BENTOML_HOME ?= $(STOCKS_HOME)/bentoml
export BENTOML_DO_NOT_TRACK ?= True

VENV := .venv
RUN := $(VENV)/bin/python
CHARTS := serving/page/static/vendor/lightweight-charts.mjs
CHROMIUM ?= /usr/bin/chromium
URL ?= http://$(HOST):$(PORT)
TICKER ?= AAPL
WHOLE := $(shell test -e $(VENV)/.whole && $(RUN) -S -c "" 2>/dev/null && echo yes)
# Tests start processes by the dozen; each compiles the packages here anew where it may keep no bytecode.
TESTS := env -u STOCKS_HOME -u BENTOML_HOME -u PYTHONDONTWRITEBYTECODE $(RUN) -m pytest
COMPILE := $(RUN) requirements/as_pip.py pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help setup page serve test coverage test-faults test-page page-speed screenshots licences train ui bento image images fetch publish rollback push deploy undeploy up tools test-deploy test-image test-cluster bench yahoo scale search lstm lock clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.training  ## .venv, from the locks, and the page's chart library
	@$(MAKE) --silent page || echo "Without it the page shows tables in place of charts."

page: $(CHARTS)  ## the page's chart library alone

$(CHARTS): serving/page/package-lock.json requirements/node.txt | $(VENV)/.training
	$(RUN) -m serving.page.install

serve: setup  ## BentoML on HOST:PORT, predictions at once, models training in the background
	@[ ! -e "$(STOCKS_HOME)" ] || [ -d "$(STOCKS_HOME)" ] || { echo "STOCKS_HOME = $(STOCKS_HOME): it is a file; name a folder" >&2; exit 1; }
	@mkdir -p "$(BENTOML_HOME)" 2>/dev/null || echo "$(BENTOML_HOME) cannot be made; what BentoML needs is kept in a temporary folder" >&2
	@[ -d "$(BENTOML_HOME)" ] || export BENTOML_HOME="$$(mktemp -d)"; exec \
	$(VENV)/bin/bentoml serve service:StockPrediction --host $(HOST) --port $(PORT)

train: setup  ## the pipeline for all configured tickers and horizons
	$(RUN) -m training train

ui: setup  ## MLflow on UI_PORT: compare runs and versions
	$(RUN) -m training ui --port $(UI_PORT)

bento: setup  ## a bento with the champions inside, exported to dist/
	$(RUN) -m training bento

image: $(VENV)/.dev  ## stock-prediction:VERSION with the champions there are, by docker, podman or buildah; its parts in dist/
	$(RUN) -m training bento --allow-empty
	deploy/image/build.sh serving stock-prediction:$(VERSION)
	$(VENV)/bin/cyclonedx-py requirements requirements/serving.txt -o dist/stock_prediction.cdx.json

images: image  ## that, and the images of the trainer and of the MLflow server
	deploy/image/build.sh training stock-prediction-training:$(VERSION)
	deploy/image/build.sh mlflow stock-prediction-mlflow:$(VERSION)

test-cluster: $(VENV)/.dev  ## several trainers on MLflow with PostgreSQL, two replicas behind a proxy; needs postgresql and haproxy, takes minutes
	env -u STOCKS_HOME -u BENTOML_HOME CLUSTER=1 $(RUN) -m pytest -s tests/deploy/test_two_replicas.py tests/deploy/test_past_one_machine.py

fetch: setup  ## prices of all configured tickers into the history store
	$(RUN) -m market fetch

publish: setup  ## every champion of MLflow into the model store here
	$(RUN) -m training publish

rollback: setup  ## TICKER to the champion before
	@[ "$(origin TICKER)" != file ] || { echo "rollback: name the ticker, as in make rollback TICKER=AAPL" >&2; exit 1; }
	$(RUN) -m training rollback $(TICKER)

push:  ## the images of VERSION to REGISTRY
	for image in stock-prediction stock-prediction-training stock-prediction-mlflow; do \
		docker tag $$image:$(VERSION) $(REGISTRY)/$$image:$(VERSION) && docker push $(REGISTRY)/$$image:$(VERSION) || exit; \
	done

deploy:  ## VERSION from REGISTRY to the cluster, and back again when it does not become ready
	deploy/kubernetes/deploy.sh $(REGISTRY) $(VERSION)

undeploy:  ## the release before this one
	kubectl --namespace stock-prediction rollout undo deployment/api

up: images  ## everything in containers: the service on 3000, MLflow on 5000, Grafana on 3001
	touch deploy/.env
	docker compose --file deploy/compose.yaml --env-file deploy/.env up --detach --no-build

tools:  ## what Debian has for test-deploy and test-page, for those who may install it
	apt-get update --quiet --quiet
	apt-get install --yes --quiet --quiet --no-install-recommends prometheus prometheus-alertmanager chromium >/dev/null

test-deploy: $(VENV)/.dev  ## what is in deploy/ and the workflows, by the tools that read them
	env -u STOCKS_HOME -u BENTOML_HOME TOOLS_MUST_BE_THERE=1 $(RUN) -m pytest -m 'not page' tests/deploy

test-image: $(VENV)/.dev  ## the images, built and run; needs podman and buildah
	$(RUN) -m training bento --allow-empty
	env -u STOCKS_HOME -u BENTOML_HOME IMAGES=1 $(RUN) -m pytest -s tests/deploy/test_running_images.py

bench: $(VENV)/.dev  ## this service beside others on this machine; results in benchmarks/
	$(RUN) -m benchmarks.serving

yahoo: $(VENV)/.yahoo  ## the package that asks Yahoo for prices

lstm: $(VENV)/.lstm  ## the packages for the recipe `lstm`

scale: $(VENV)/.scale  ## the packages for training on a Dask cluster

search: $(VENV)/.search  ## the package that searches for hyperparameters

test: $(VENV)/.dev  ## lint, types and every test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(TESTS) --numprocesses 4 --durations 20

coverage: $(VENV)/.dev  ## the tests again, and which lines they reach; slower
	$(TESTS) --numprocesses 4 --cov

test-faults: $(VENV)/.dev  ## what breaks, longer than `make test` has time for: trainings that are ended, a worker killed again and again
	$(TESTS) -m fault --numprocesses 2
	$(RUN) -m benchmarks.kills --times 10

test-page: $(VENV)/.dev page  ## the page in a browser: every view, keyboard, accessibility, a service that ends and comes back
	@test -x $(CHROMIUM) || { echo "test-page: there is no $(CHROMIUM); apt-get install chromium, or set CHROMIUM=" >&2; exit 1; }
	env -u STOCKS_HOME -u BENTOML_HOME CHROMIUM=$(CHROMIUM) $(RUN) -m pytest -m page --numprocesses 2 tests/page

page-speed: $(VENV)/.dev  ## how soon the page at URL shows its first row, and what it weighs
	env -u STOCKS_HOME -u BENTOML_HOME CHROMIUM=$(CHROMIUM) $(RUN) -m tests.page.speed $(URL)

screenshots: $(VENV)/.dev  ## pictures of every view of the service at URL, two of them for the README
	env -u STOCKS_HOME -u BENTOML_HOME CHROMIUM=$(CHROMIUM) $(RUN) -m tests.page.screenshots $(URL) $(TICKER)

lock: $(VENV)/.dev  ## compile requirements/ anew from pyproject.toml
	$(COMPILE) --group bootstrap -o requirements/bootstrap.txt
	$(COMPILE) --group mlflow_server -o requirements/mlflow_server.txt
	$(COMPILE) pyproject.toml -c requirements/bootstrap.txt -o requirements/serving.txt
	$(COMPILE) pyproject.toml --group yahoo -c requirements/serving.txt -o requirements/yahoo.txt
	$(COMPILE) pyproject.toml --group training -c requirements/yahoo.txt -o requirements/training.txt
	$(COMPILE) pyproject.toml --group scale -c requirements/training.txt -o requirements/scale.txt
	$(COMPILE) pyproject.toml --group search -c requirements/training.txt -o requirements/search.txt
	$(COMPILE) pyproject.toml --group lstm -c requirements/scale.txt -o requirements/lstm.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/bootstrap.txt -c requirements/scale.txt -c requirements/search.txt -c requirements/lstm.txt -o requirements/dev.txt
	$(COMPILE) --group node -o requirements/node.txt

licences: $(VENV)/.dev  ## docs/licences.md: the licence of every package that serves or trains
	{ printf '# Licences of what is installed\n\nWritten by `make licences`, from what each package says of itself. huey (MIT) and skops (MIT), which come with MLflow, say nothing\nin the form that is read. The tools of development are not shipped and not listed.\n\n'; \
	$(VENV)/bin/pip-licenses --from=mixed --with-system --format=markdown --packages $$(sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' requirements/training.txt); } > docs/licences.md

clean:  ## everything that was made, except prices, runs and models in var/
	rm -rf $(VENV) $(dir $(CHARTS)) dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

# What was interrupted, or has lost its Python, is set up anew.
$(VENV)/.%: requirements/%.txt requirements/bootstrap.txt $(if $(WHOLE),,anew)
	@echo "Installing $(basename $(notdir $<)) into $(VENV); the first time this takes about a minute"
	@PYTHON="$(PYTHON)" sh requirements/python.sh requirements/install.py $(VENV) $<
	@touch $@

.PHONY: anew
anew:
