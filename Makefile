# Makefile - `make` builds, `make run` boots a guest, `make test` tests; `make help` lists the rest.
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang-14
OPT ?= -O2
WERROR ?= -Werror
GUEST ?= riscv64
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)

# SAN=NAME builds a variant in a directory of its own, build-NAME.
SAN-asan := -fsanitize=address,undefined -fno-sanitize-recover=all
SAN-ubsan := -fsanitize=undefined -fno-sanitize-recover=all
SAN-tsan := -fsanitize=thread -Wno-tsan
SAN-fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
SAN-cover := --coverage -O0
BUILD := build$(SAN:%=-%)
ifneq ($(SAN),)
SANFLAGS := $(or $(SAN-$(SAN)),$(error SAN=$(SAN) is not one of: asan ubsan tsan fuzz cover)) \
    -fno-omit-frame-pointer -Wno-unknown-warning-option -Wno-maybe-uninitialized
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes
CFLAGS := -std=gnu11 -D_GNU_SOURCE -g $(OPT) -Isrc -I. -pthread -fno-strict-aliasing $(WARN) $(WERROR) $(SANFLAGS)
LIBS := -lfdt -lslirp -lzstd -lz -lm

# What is in the folder is in the program. A file of test/ or tools/ with a main() is a program of its own.
SRC := $(wildcard src/*/*.c src/*/*/*.c)
MAIN := src/cli/main.c
UNIT := $(filter %_test.c,$(SRC))
CORE := $(filter-out $(UNIT) $(MAIN),$(SRC))
MAINS := $(shell grep -l '^int main\b' /dev/null $(wildcard test/*.c tools/*.c))
TESTLIB := $(filter-out $(MAINS),$(wildcard test/*.c))
FUZZ := $(filter-out test/fuzz/driver.c,$(wildcard test/fuzz/*.c))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
say = $(if $(V),,@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo '  $(1) $@');)
link = $(call say,LD)$(CC) $(CFLAGS) $(filter %.o,$^) -o $@ $(LIBS)

TESTPROGS := $(patsubst test/%.c,$(BUILD)/%,$(filter test/%,$(MAINS)))
TOOLPROGS := $(patsubst tools/%.c,$(BUILD)/%,$(filter tools/%,$(MAINS)))
FUZZPROGS := $(patsubst test/%.c,$(BUILD)/%,$(FUZZ))

all: $(BUILD)/myna $(TOOLPROGS) ## build the program (the default)
programs: all $(TESTPROGS) $(FUZZPROGS) ## build all that the tests run

$(BUILD)/myna: $(call obj,$(CORE) $(MAIN))
	$(link)
$(TESTPROGS): $(BUILD)/%: $(BUILD)/test/%.o $(call obj,$(CORE) $(TESTLIB))
	$(link)
$(BUILD)/check: $(call obj,$(UNIT))
$(TOOLPROGS): $(BUILD)/%: $(BUILD)/tools/%.o $(call obj,$(filter src/base/%,$(CORE)))
	$(link)
# A fuzz target brings libFuzzer's main() with SAN=fuzz, else our own random driver's.
$(FUZZPROGS): $(BUILD)/%: $(BUILD)/test/%.o $(call obj,$(CORE) $(if $(filter fuzz,$(SAN)),,test/fuzz/driver.c))
	@mkdir -p $(@D)
	$(link) $(if $(filter fuzz,$(SAN)),-fsanitize=fuzzer)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@
# Another compiler or other flags: everything is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' >$@
-include $(patsubst %.o,%.d,$(call obj,$(SRC) $(wildcard test/*.c test/fuzz/*.c tools/*.c)))

run: ## fetch a guest, boot it to a shell; GUEST=riscv64
	@tools/deps.sh build run
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tools/run.sh GUEST=$(GUEST)
check: $(BUILD)/check layers docs ## unit tests, layers, documentation: seconds
	$(BUILD)/check
test: ## everything that must pass before a commit: minutes
	@tools/deps.sh build run test
	@MAKE='$(MAKE)' JOBS=$(JOBS) test/run.sh
check-long: ## sanitizers, both compilers, long random runs, fuzzing: an hour
	@tools/deps.sh build run test fuzz
	@MAKE='$(MAKE)' JOBS=$(JOBS) CLANG=$(CLANG) test/long.sh
fuzz: ## run every fuzz target for TIME=60 seconds with libFuzzer
	@tools/deps.sh build fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=fuzz CC=$(CLANG) fuzz-programs
	@BUILD=build-fuzz TIME=$(or $(TIME),60) test/fuzz/run.sh
fuzz-programs: $(FUZZPROGS)
bench: ## compare with QEMU; prints a table, writes build/bench.json
	@tools/deps.sh build run test bench
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tools/bench.sh
layers: ## does each folder include only what docs/layers allows?
	@awk -f tools/layers.awk docs/layers $(shell find src -name '*.[ch]')
docs: ## do the documents name only files and functions that exist?
	@tools/docs.sh
outline: ## print the tree, a line per file
	@tools/outline.sh
format: ## clang-format all C files; name lines over 100 columns
	@tools/format.sh
cover: ## lines that the unit tests reach, per file
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=cover build-cover/check
	@tools/cover.sh build-cover
deps: ## install the Debian packages that build, run and tests need, if missing
	@tools/deps.sh build run test fuzz bench
install: all ## into PREFIX=/usr/local, under DESTDIR
	install -D $(BUILD)/myna $(DESTDIR)$(PREFIX)/bin/myna
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(BUILD)/myna help --man >$(DESTDIR)$(PREFIX)/share/man/man1/myna.1
	$(BUILD)/myna completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/myna
clean: ## remove all build directories
	rm -rf build build-*
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables: V=1 CC=$(CC) SAN=asan|ubsan|tsan|fuzz|cover OPT=$(OPT) WERROR=$(WERROR) JOBS=$(JOBS) PREFIX=$(PREFIX)'

.PHONY: all programs run check test check-long fuzz fuzz-programs bench layers docs outline format cover deps \
    install clean help FORCE
.DELETE_ON_ERROR:
