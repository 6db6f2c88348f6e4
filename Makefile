# make run     start the dashboard (installs what it needs the first time)
# make test    lint, types, unit, page and browser tests
# make lock    write anew what the container images install, after a change of requirements; keeps versions that still fit
#
# PYTHON names the interpreter that a new .venv is made with; left empty, the first CPython 3.11 to 3.13 found is taken.
# PORT is where the dashboard listens, on this machine only.
PYTHON ?=
PORT ?= 8501

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install
SUPPORTED := import sys; sys.exit(not (sys.implementation.name == "cpython" and (3, 11) <= sys.version_info[:2] <= (3, 13)))

# For every system, by the image's Python, with the checksum of every file and the address of none.
LOCK := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# A stamp says that an install ended well. Its name carries a checksum of the requirements, so a changed file means a new install.
checksum = $(shell cat $(1) | cksum | awk '{ print $$1 "-" $$2 }')
RUNTIME := $(VENV)/.installed-run-$(call checksum,requirements.txt)
TESTING := $(VENV)/.installed-test-$(call checksum,requirements.txt requirements-dev.txt)

# An environment whose interpreter is gone or unfit (upgraded, moved) is no environment: forget its stamps.
$(shell $(PY) -c '$(SUPPORTED)' 2>/dev/null || rm -f $(VENV)/.installed-*)

# So that `python -m core` is found under PYTHONSAFEPATH too: a path from site-packages, which stays right if all is moved.
FOUND := import os, pathlib, sysconfig; site = sysconfig.get_path("purelib"); \
  pth, here = pathlib.Path(site, "featherweight.pth"), os.path.relpath(".", site) + "\n"; \
  pth.is_file() and pth.read_text() == here or pth.write_text(here)

.PHONY: run test lock

run: $(RUNTIME)
	@$(PY) -c '$(FOUND)'
	@$(PY) -m streamlit run app.py --server.address=127.0.0.1 --server.port=$(PORT)

test: $(TESTING)
	@$(PY) -c '$(FOUND)'
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest

lock: $(TESTING)
	$(LOCK) requirements.txt --output-file requirements-cpu.lock
	$(LOCK) requirements-gpu.txt --output-file requirements-gpu.lock --constraint requirements-cpu.lock

# Stamps go before an install and come after it, so one that is interrupted leaves none.
$(RUNTIME):
	@$(environment)
	@rm -f $(VENV)/.installed-*
	$(PIP) -r requirements.txt
	@touch $@

$(TESTING):
	@$(environment)
	@rm -f $(VENV)/.installed-*
	$(PIP) -r requirements-dev.txt
	@touch $(RUNTIME) $@

# Keep an environment that works, make a new one otherwise.
define environment
if ! $(PY) -c '$(SUPPORTED)' 2>/dev/null || ! $(PY) -m pip --version >/dev/null 2>&1; then \
  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
    if "$$python" -c '$(SUPPORTED)' 2>/dev/null; then found=$$python; break; fi; \
  done; \
  if [ -z "$$found" ]; then \
    echo "Featherweight needs CPython 3.11, 3.12 or 3.13$(if $(PYTHON), and $(PYTHON) is none of them,: install one or name it with PYTHON=/path/to/python)." >&2; \
    exit 1; \
  fi; \
  echo "Creating $(VENV) with $$("$$found" --version)"; \
  "$$found" -m venv --clear $(VENV); \
fi
endef
