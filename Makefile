# What a person types. Each goal sets up what it needs first (tools/bootstrap.sh).
#
#   make rom [LAYOUT=iscsi-e1000|all] [EV=file]   build/<layout>.rom
#   make boot [ARGS="..."]                        boot the demonstration disk through it
#   make test [ARGS="..."]                        every test
#   make test-os [ARGS="..."]                     real operating systems, with a table in build/report
#   make lint                                     ruff and mypy alone
#   make clean

PYTHON = .venv/bin/python
ROMGEN = $(PYTHON) -m romgen

.PHONY: rom boot test test-os lint clean

rom:
	@tools/bootstrap.sh rom
	@$(ROMGEN) build $(LAYOUT) $(if $(EV),--ev $(EV))

boot:
	@tools/bootstrap.sh boot
	@$(ROMGEN) build $(LAYOUT)
	@$(ROMGEN) boot $(if $(LAYOUT),--layout $(LAYOUT)) $(if $(EV),--ev $(EV)) $(ARGS)

test:
	@tools/bootstrap.sh test
	@$(PYTHON) -m pytest -n 2 $(ARGS)

test-os:
	@tools/bootstrap.sh os
	@$(PYTHON) -m pytest -n 2 --dist loadgroup tests/systems $(ARGS)

lint:
	@tools/bootstrap.sh test
	@$(PYTHON) -m ruff check romgen tests
	@$(PYTHON) -m mypy

clean:
	rm -rf build
