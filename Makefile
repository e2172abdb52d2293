# Myna: `make` builds, `make run` boots a guest, `make test` tests. No configure step; see README.md.
CC ?= gcc
BUILD ?= build
PKGS := libfdt libslirp libzstd zlib
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Werror
OPT ?= -O2
ifdef SAN
BUILD := build-$(SAN)
SANFLAGS := -fsanitize=$(subst asan,address,$(subst ubsan,undefined,$(subst tsan,thread,$(SAN)))) -fno-omit-frame-pointer -Wno-maybe-uninitialized
endif
CFLAGS := -std=gnu11 -D_GNU_SOURCE -g $(OPT) -Isrc $(WARN) -fno-strict-aliasing $(SANFLAGS) -MMD -MP -pthread
LIBS := -lfdt -lslirp -lzstd -lz -lm

SRC := $(wildcard src/*/*.c src/*/*/*.c)
TESTSRC := $(filter %_test.c,$(SRC)) $(wildcard test/*.c)
MAIN := src/cli/main.c
CORE := $(filter-out %_test.c $(MAIN),$(SRC))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

all: $(BUILD)/myna
$(BUILD)/myna: $(call obj,$(CORE) $(MAIN)); $(CC) $(CFLAGS) $^ -o $@ $(LIBS)
$(BUILD)/check: $(call obj,$(CORE) $(TESTSRC)); $(CC) $(CFLAGS) $^ -o $@ $(LIBS)
$(BUILD)/%.o: %.c; @mkdir -p $(@D); $(CC) $(CFLAGS) -c $< -o $@
$(BUILD)/mkinitramfs $(BUILD)/first_byte: $(BUILD)/%: tools/%.c; @mkdir -p $(@D); $(CC) $(CFLAGS) $< -o $@

check: $(BUILD)/check layers; $(BUILD)/check
layers:; @awk -f tools/layers.awk docs/layers $(shell find src -name '*.[ch]')
clean:; rm -rf build build-*
.PHONY: all check layers clean
-include $(patsubst %.o,%.d,$(call obj,$(SRC) $(TESTSRC)))
