# The front door. `make` builds build/inquest; `make demo` and `make check` do everything on a fresh Debian 12.
SHELL := /bin/bash
BUILD := build
LAB := lab/lab
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# What building needs; what the lab needs is the lab's own list (lab/lab packages).
PACKAGES := g++ cmake ninja-build pkg-config python3 git ccache lld libcapstone-dev libdeflate-dev libzstd-dev liblzo2-dev libsnappy-dev \
	libarchive-dev libgit2-dev libsqlite3-dev libpq-dev postgresql libfmt-dev libcli11-dev libedit-dev rapidjson-dev libgtest-dev libgmock-dev libbenchmark-dev

.PHONY: all build packages browser demo check casebook lab-64k bench tidy format sanitize fuzz clean help

all: build

help:
	@echo 'make           build $(BUILD)/inquest'
	@echo 'make demo      crash a Debian kernel, dump it, and let inquest find out why (report.md)'
	@echo 'make check     every test: units, fuzz corpora, real dumps of the lab'
	@echo 'make casebook  every crash of the casebook on two architectures and two kernels, and the score (an hour, cached)'
	@echo 'make lab-64k   a 64K-page aarch64 kernel and its dump (about 10 minutes, cached)'
	@echo 'make bench     against crash, drgn and the rest, on the same files'
	@echo 'make sanitize  the tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make tidy      clang-tidy over src/'

packages:
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "inquest: installing from Debian's packages:" $$missing; \
	  $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
	fi

# A browser, and node to drive it (npm ci then brings playwright-core): only the HTML report's test needs them, and without them it says so and is skipped.
browser:
	@missing=$$(for p in chromium:chromium node:nodejs npm:npm; do command -v $${p%:*} >/dev/null || echo $${p#*:}; done); \
	if [ -n "$$missing" ]; then \
	  echo "inquest: installing for the HTML report's test:" $$missing; \
	  { $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; } || \
	    echo "inquest: not to be had; that test will be skipped"; \
	fi

build: packages
	@[ -f $(BUILD)/build.ninja ] || cmake --preset default
	@cmake --build $(BUILD) --target inquest

demo: build
	@$(LAB) packages --install
	@echo 'inquest: crashing a Debian kernel in QEMU (the first time fetches about 300 MB of debuginfo)'
	@dump=$$($(LAB) make --set demo | tail -n 1) && debug=$$(realpath "$$(dirname "$$dump")/../../../debug") && \
	  $(BUILD)/inquest report "$$dump" -d "$$debug" --format markdown -o report.md && \
	  $(BUILD)/inquest report "$$dump" -d "$$debug" --format html -o report.html && \
	  $(BUILD)/inquest report "$$dump" -d "$$debug" && echo && echo 'inquest: the same as Markdown is in report.md, with pictures and proofs in report.html'

check: packages browser
	@$(LAB) packages --install
	@[ -f $(BUILD)/build.ninja ] || cmake --preset default
	@cmake --build $(BUILD)
	@$(LAB) make --set check
	@$(LAB) make --set casebook-check
	@ctest --test-dir $(BUILD) --output-on-failure -j2

casebook: build
	@$(LAB) packages --install
	@$(LAB) make --set casebook
	@$(LAB) make --set casebook --kernel 6.12
	@$(LAB) make --set casebook-filtered
	@echo 'inquest: the casebook' && python3 tests/casebook/score.py $(BUILD)/inquest
	@echo 'inquest: without debuginfo' && python3 tests/casebook/score.py $(BUILD)/inquest --no-debuginfo
	@echo 'inquest: filtered (-d 31)' && python3 tests/casebook/score.py $(BUILD)/inquest --form filtered31

lab-64k: packages
	@$(LAB) packages --install
	@$(LAB) make-64k

bench: build
	@$(LAB) packages --install
	@for p in crash python3-drgn elfutils makedumpfile llvm binutils; do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || $(SUDO) apt-get install -y -q --no-install-recommends $$p; done
	@$(LAB) make stid_race --form kdump-lzo31,kdump-zlib31,elf31,elf >/dev/null
	@$(LAB) make many_threads --form kdump-lzo31 >/dev/null
	@cmake --build $(BUILD) --target bench_scan
	@python3 bench/run.py

sanitize: packages
	@[ -f $(BUILD)-asan/build.ninja ] || cmake --preset sanitize
	@cmake --build $(BUILD)-asan
	@ctest --test-dir $(BUILD)-asan --output-on-failure -j2

fuzz: packages
	@cmake --preset fuzz && cmake --build $(BUILD)-fuzz

tidy: build
	@git ls-files 'src/*.cc' | grep -v _test.cc | xargs -P2 -n4 clang-tidy -p $(BUILD) --quiet

format:
	@git ls-files 'src/*.cc' 'src/*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz
