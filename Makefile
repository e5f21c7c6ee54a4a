# Two commands: `make run` (set up and open the program) and `make test` (set up and run every check).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VIDEO ?=
DEB := libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 \
       libxcb-shape0 libxkbcommon-x11-0

.PHONY: run setup test test-oracles bench screenshots system-packages clean

run: setup
	@video="$(VIDEO)"; [ -n "$$video" ] || video="$$($(BIN)/python main.py sample)" || exit 1; \
	$(BIN)/python main.py open "$$video"

setup: system-packages $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "GLSMamba Studio needs Python 3.11 or newer; name one with: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python has no venv module; on Debian install it with: sudo apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

# The shared libraries that Qt loads. Installed where this user may; otherwise named in one line, and set-up goes on.
system-packages:
	@command -v dpkg-query >/dev/null 2>&1 || exit 0; \
	missing=""; for p in $(DEB); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q "ok installed" || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then as=""; elif sudo -n true 2>/dev/null; then as="sudo"; else as="none"; fi; \
	if [ "$$as" != none ] && $$as apt-get -qq -o DPkg::Lock::Timeout=300 update \
	  && $$as env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $$missing >/dev/null; then exit 0; fi; \
	echo "Qt needs Debian packages that are missing here; install them with: sudo apt-get install$$missing"

test: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart=0

# Tests against other people's implementations, which the ordinary set-up does not install (about 60 MB).
test-oracles: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,oracles]"
	$(BIN)/python -m pytest tests/glsmamba/test_vitpose_import.py

# The CUDA kernels as far as they can be checked without a GPU: Triton (1 GB) and mamba-ssm without its compiled part, in a
# virtual environment of their own that sees the other one's packages. Minutes.
KERNELS := .venv-kernels
test-kernels: setup $(KERNELS)/.ready
	OMP_NUM_THREADS=1 $(KERNELS)/bin/python -m pytest tests/kernels

$(KERNELS)/.ready: $(VENV)/.ready
	@test -x $(KERNELS)/bin/python || $(PYTHON) -m venv $(KERNELS)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$($(KERNELS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/program.pth"
	$(KERNELS)/bin/python -m pip install --quiet --disable-pip-version-check triton==3.7.1 einops ninja packaging setuptools wheel
	MAMBA_FORCE_BUILD=TRUE MAMBA_SKIP_CUDA_BUILD=TRUE $(KERNELS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation mamba-ssm==2.2.6.post3
	@touch $@

bench: setup
	@status=0; for b in benchmarks/*.py; do case $$b in benchmarks/_*) continue;; esac; \
	  echo "== $$b"; QT_QPA_PLATFORM=offscreen $(BIN)/python $$b || status=1; done; exit $$status

screenshots: setup
	$(BIN)/python docs/make_screenshots.py

clean:
	rm -rf $(VENV) $(KERNELS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
