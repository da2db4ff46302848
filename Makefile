# What a person types. Each goal sets up what it needs first (tools/bootstrap.sh).
#
#   make rom [LAYOUT=iscsi-e1000|all] [EV=file]   build/<layout>.rom
#   make boot [ARGS="..."]                        boot the demonstration disk through it
#   make test [ARGS="..."]                        every test
#   make test-os [ARGS="..."]                     real operating systems, with a table in build/report
#   make test-nics [ARGS="iscsi-e1000"]           each adapter in QEMU, half an hour; writes docs/adapters.md
#   make test-netboot [ARGS="-k virtio"]          each boot program through each network boot ROM, five minutes
#   make test-matrix [ARGS="-k killed"]           boots over a bad wire, from LIO and istgt; as root; docs/interop.md
#   make bench [ARGS="--nic e1000 --pairs 1"]     against iPXE, in turn; writes docs/benchmarks.md
#   make release [KEY=file] [ARGS="..."]          of the tag at HEAD; without KEY unsigned (docs/guide/release.md)
#   make lint                                     ruff and mypy alone
#   make coverage                                 line coverage of assembly (bench, QEMU) and Python
#   make counts [ARGS=--write]                    instructions of the hot paths
#   make fuzz [SECONDS=60]                        the fuzzer over all its targets
#   make clean

PYTHON = .venv/bin/python
ROMGEN = $(PYTHON) -m romgen

.PHONY: rom boot test test-os test-nics test-netboot test-matrix bench release lint coverage counts fuzz clean

rom:
	@tools/bootstrap.sh rom
	@$(ROMGEN) build $(LAYOUT) $(if $(EV),--ev $(EV))

boot:
	@tools/bootstrap.sh boot
	@$(ROMGEN) build $(LAYOUT)
	@$(ROMGEN) boot $(if $(LAYOUT),--layout $(LAYOUT)) $(if $(EV),--ev $(EV)) $(ARGS)

test:
	@tools/bootstrap.sh test
	@rm -rf build/coverage
	@ROMGEN_ASM_COVERAGE=$(CURDIR)/build/coverage $(PYTHON) -m pytest -n 2 $(ARGS)
	@$(if $(ARGS),,$(PYTHON) tests/asm/bench/coverage.py build/coverage --gate pyproject.toml)

test-os:
	@tools/bootstrap.sh os
	@$(PYTHON) -m pytest -n 2 --dist loadgroup tests/systems $(ARGS)

test-nics:
	@tools/bootstrap.sh os
	@$(ROMGEN) nics --write $(ARGS)

test-netboot:
	@tools/bootstrap.sh test
	@$(PYTHON) -m pytest -n 2 tests/netboot $(ARGS)

test-matrix:
	@tools/bootstrap.sh test
	@mkdir -p build/report
	@$(PYTHON) -m pytest -n 4 --dist loadgroup -o junit_family=xunit1 \
		--junitxml=build/report/matrix.xml tests/matrix $(ARGS)

bench:
	@tools/bootstrap.sh test
	@$(ROMGEN) bench --write $(ARGS)

release:
	@tools/bootstrap.sh rom
	@$(ROMGEN) release $(if $(KEY),--key $(KEY),--unsigned) $(ARGS)

lint:
	@tools/bootstrap.sh test
	@$(PYTHON) -m ruff check romgen tests
	@$(PYTHON) -m mypy

coverage:
	@tools/bootstrap.sh coverage
	@rm -rf build/coverage
	@ROMGEN_ASM_COVERAGE=$(CURDIR)/build/coverage $(PYTHON) -m pytest -n 2 -q \
		--cov=romgen --cov-report=term --cov-report=lcov:build/python.lcov tests/asm tests/python
	@$(PYTHON) tests/boot/cover.py build/coverage
	@$(PYTHON) tests/asm/bench/coverage.py build/coverage --lcov build/asm.lcov

counts:
	@tools/bootstrap.sh test
	@$(PYTHON) tests/asm/counts.py $(ARGS)

fuzz:
	@tools/bootstrap.sh test
	@$(PYTHON) tests/asm/fuzz/driver.py $(or $(SECONDS),60) $(ARGS)

clean:
	rm -rf build
