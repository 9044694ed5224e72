# tend: one Makefile for everything (GNU make 4.3). Objects in build/VARIANT, programs in build/bin
# (build/bin-SAN when sanitized).
#
#   make             the programs
#   make demo        see what tend is for
#   make check       every test; SAN=address|undefined|thread for a sanitized run
#   make unit        some of them; make system T="-k name" the system tests, or what T picks
#   make deps        install what is missing
#   make bench       measure, beside the floors that matter
#   make model       model-check the protocols
#   make fuzz        libFuzzer on everything that parses
#   make chaos       a fault at every call
#   make soak        random storms of kills, stops, full disks
#   make mutants     does a test notice a change of the sources?
#   make compare     what commands print, beside another revision
#   make memcheck    the daemons under valgrind
#   make coverage    which lines the tests run, folder by folder
#   make install     PREFIX= DESTDIR=
#   make examples    those that stand on lib/client
#   make fmt lint    formatting, static analysis
#   make layers      who may include whom, and what no library does
#   make lengths     how long functions and files are; make widths how wide lines
#
# Sources are found by folder: a new .c file needs no line here.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin AR),default)
AR := ar
endif

PREFIX     ?= /usr/local
DESTDIR    ?=
PKG_CONFIG ?= pkg-config
PYTHON     ?= /usr/bin/python3
WERROR     ?= -Werror
VERSION    := $(shell cat VERSION)

# ---- the variant: which sanitizer, if any

SAN ?=
ifeq ($(SAN),)
VARIANT   := plain
BIN       := build/bin
OPTIMIZE  := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SAN_FLAGS :=
else ifeq ($(SAN),address)
SAN_FLAGS := -fsanitize=address,undefined
else ifeq ($(SAN),undefined)
SAN_FLAGS := -fsanitize=undefined
else ifeq ($(SAN),thread)
SAN_FLAGS := -fsanitize=thread
else ifeq ($(SAN),coverage)
# By clang: its counters lie in a mapped file, so that a daemon that is killed loses none of them.
# Its warnings are for make lint.
CC        := clang
WERROR    := -w
SAN_FLAGS := -fprofile-instr-generate=$(CURDIR)/build/coverage/profiles/%m%c -fcoverage-mapping \
	-mllvm -runtime-counter-relocation -Wno-unused-command-line-argument
else
$(error SAN=$(SAN) is not known: address, undefined or thread (or nothing))
endif
ifneq ($(SAN),)
VARIANT   := $(SAN)
BIN       := build/bin-$(SAN)
OPTIMIZE  := -O1 -g -fno-omit-frame-pointer
SAN_FLAGS += $(if $(filter coverage,$(SAN)),,-fno-sanitize-recover=all)
# What a release only complains about ends a build for tests.
CPPFLAGS  += -DTEND_CHECKED
endif
# LAYOUT=other: a build with another layout of the table, to try upgrades with.
LAYOUT ?=
ifneq ($(LAYOUT),)
VARIANT   := $(VARIANT)-$(LAYOUT)-layout
BIN       := $(BIN)-$(LAYOUT)-layout
CPPFLAGS  += -DTEND_OTHER_LAYOUT
endif
B := build/$(VARIANT)

# How sanitized programs behave in tests: the first finding ends the program, so that it can't pass
# for a warning.
TEST_ENV = BUILD=$(B) TEND_BIN=$(CURDIR)/$(BIN) TEST_BIN=$(CURDIR)/$(B)/tests/bin PYTHON=$(PYTHON) \
	$(if $(SAN),SAN_FLAGS='$(SAN_FLAGS)' ASAN_OPTIONS=abort_on_error=1:disable_coredump=1 \
	UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 \
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 CK_TIMEOUT_MULTIPLIER=5)

# ---- flags

CJSON_CFLAGS := $(shell $(PKG_CONFIG) --cflags libcjson 2>/dev/null)
CJSON_LIBS   := $(or $(shell $(PKG_CONFIG) --libs libcjson 2>/dev/null),-lcjson)
LZ4_LIBS     := $(or $(shell $(PKG_CONFIG) --libs liblz4 2>/dev/null),-llz4)
HTTPD_LIBS   := $(or $(shell $(PKG_CONFIG) --libs libmicrohttpd sqlite3 2>/dev/null),\
	-lmicrohttpd -lsqlite3)
CHECK_CFLAGS := $(shell $(PKG_CONFIG) --cflags check 2>/dev/null)
CHECK_LIBS    = $(or $(shell $(PKG_CONFIG) --libs check 2>/dev/null),-lcheck)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla $(WERROR)
# Most of what a short command takes is the loader's search for symbols: nearly all are in libc, so
# it is asked first; and relative relocations are packed (glibc 2.36). A sanitizer has to be first.
LINK_FAST := $(if $(SAN),,-Wl,-z,pack-relative-relocs -Wl,--no-as-needed -lc)
ALL_CFLAGS := -std=gnu11 $(OPTIMIZE) $(WARNINGS) -fPIE -fstack-protector-strong -pthread \
	$(SAN_FLAGS) -I. -Ilib -D_GNU_SOURCE -DTEND_VERSION='"$(VERSION)"' $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie -pthread $(SAN_FLAGS) -Wl,-z,relro,-z,now $(LINK_FAST) -Wl,--as-needed \
	$(LDFLAGS)

# ---- what there is

# Those are in front that use those behind them.
LIB_ORDER   := lib/words lib/client lib/term lib/http lib/follower lib/logread lib/config shm \
	lib/json lib/base
LIB_FOLDERS := $(foreach l,$(LIB_ORDER),$(if $(wildcard $(l)/*.c),$(l)))
PROGRAMS    := cli:tend guardian:tend-guardian spawner:tend-spawner monitor:tend-monitor \
	logger:tend-logger registry:tend-registry

objects_of = $(patsubst %.c,$(B)/%.o,$(sort $(wildcard $(1)/*.c)))
folder_of  = $(firstword $(subst :, ,$(1)))
program_of = $(lastword $(subst :, ,$(1)))
PROGRAM_FOLDERS := $(foreach p,$(PROGRAMS),$(call folder_of,$(p)))
PROGRAM_NAMES   := $(foreach p,$(PROGRAMS),$(call program_of,$(p)))
# A folder is a program once it has a main.c.
READY      := $(foreach p,$(PROGRAMS),$(if $(wildcard $(call folder_of,$(p))/main.c),$(p)))

# lib/base -> libbase.a, shm -> libtendshm.a (its installed name); for the linker, users first.
library_of = $(B)/lib$(if $(filter shm,$(1)),tendshm,$(notdir $(1))).a
ALL_LIBS   := $(foreach l,$(LIB_FOLDERS),$(call library_of,$(l)))
BINARIES   := $(foreach p,$(READY),$(BIN)/$(call program_of,$(p)))

# The pages of the commands: one for each name in the table of commands.
COMMANDS := $(filter-out complete,$(shell sed -n 's/.*\.name = "\([a-z-]*\)",.*/\1/p' cli/cmd_*.c))
COMMAND_PAGES := $(COMMANDS:%=$(B)/man/tend-%.1)

TEST_BIN_SRC   := $(sort $(wildcard tests/bin/*.c))
TEST_BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
TEST_UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
TEST_FUZZ_SRC  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
TEST_FUZZ      := $(TEST_FUZZ_SRC:%.c=$(B)/%)
TEST_BIN       := $(TEST_BIN_SRC:%.c=$(B)/%)
TEST_CHAOS     := $(B)/tests/chaos/inject $(B)/tests/chaos/failmalloc.so \
	$(B)/tests/chaos/shiftclock.so $(B)/tests/chaos/slowsync.so
TEST_BENCH     := $(TEST_BENCH_SRC:%.c=$(B)/%)
TEST_UNIT      := $(TEST_UNIT_SRC:%.c=$(B)/%)
# What stands on lib/client; watch_changes.c is built with what is installed.
EXAMPLES       := $(B)/examples/follow_two_homes

.PHONY: all deps check check-run model fuzz chaos soak chaos-run soak-run demo demo-run bench \
	bench-run install uninstall clean fmt lint layers lengths widths unit unit-run coverage \
	system system-run test-programs other-layout memcheck memcheck-run mutants compare \
	examples need-build FORCE

all: need-build $(BINARIES) $(if $(filter build/plain,$(B)),$(COMMAND_PAGES))

# ---- what must be installed; nothing is compiled before this has passed

need-build:
	@tools/deps.sh need build

deps:
	@tools/deps.sh install build check demo bench

# ---- objects, libraries, programs

# One short line for each step; V=1 shows the whole commands.
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2); )

# These two files change only when their content does, and with them whatever was made by other
# flags or from other sources.
$(B)/flags: FORCE | need-build
	@mkdir -p $(@D); printf '%s\n' \
		'$(subst ','\'',$(CC) $(ALL_CFLAGS) $(CJSON_CFLAGS) $(ALL_LDFLAGS))' > $@.now; \
	if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

$(B)/sources: FORCE | need-build
	@mkdir -p $(@D)
	@printf '%s\n' $(wildcard $(addsuffix /*.c,$(LIB_FOLDERS) $(PROGRAM_FOLDERS))) > $@.now; \
	if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c $< -o $@

CJSON_FOLDERS := lib/config lib/client lib/words lib/http cli spawner monitor registry
$(CJSON_FOLDERS:%=$(B)/%/%.o): EXTRA_CFLAGS = $(CJSON_CFLAGS)
$(B)/tests/%.o: EXTRA_CFLAGS = $(CJSON_CFLAGS) $(CHECK_CFLAGS)

# An archive is made anew each time: "ar r" alone would keep the objects of deleted sources.
archive = $(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
define library
$(call library_of,$(1)): $(call objects_of,$(1)) $(B)/sources
	$$(archive)
endef
$(foreach l,$(LIB_FOLDERS),$(eval $(call library,$(l))))

link = @mkdir -p $(@D)$(newline)$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
	$(filter %.a,$^)
define newline


endef

define program
$(BIN)/$(call program_of,$(1)): $(call objects_of,$(call folder_of,$(1))) $(2) $(B)/sources
	$$(link) $(3)
endef
# What each program is linked with; --as-needed drops what it does not use.
LIBS_guardian :=
LIBS_spawner  := $(CJSON_LIBS)
LIBS_monitor  := $(CJSON_LIBS)
LIBS_logger   := $(LZ4_LIBS)
LIBS_registry := $(HTTPD_LIBS) $(CJSON_LIBS)
LIBS_cli      := $(LZ4_LIBS) $(CJSON_LIBS)
TEST_LIBS     := $(LZ4_LIBS) $(HTTPD_LIBS) $(CJSON_LIBS)
$(foreach p,$(READY),$(eval $(call program,$(p),$(ALL_LIBS),$(LIBS_$(call folder_of,$(p))))))

# ---- manual pages of the commands, made from their own help

$(B)/man/tend-%.1: $(BIN)/tend tools/manpage.sh $(wildcard docs/man/commands/*.roff)
	@mkdir -p $(@D)
	$(call say,MAN,$@)tools/manpage.sh $< $* $(VERSION) > $@

# ---- test programs A unit test names the modules that it needs beside the libraries: /* links:
# spawner/machine.c spawner/policy.c */

$(TEST_BIN) $(TEST_BENCH): $(B)/%: $(B)/%.o $(ALL_LIBS)
	$(link) $(TEST_LIBS)
$(B)/tests/chaos/inject: $(B)/tests/chaos/inject.o
	$(link)
# Preloaded into the daemons: position-independent, and no sanitizer's own.
$(B)/tests/chaos/%.so: tests/chaos/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu11 -O2 -g $(WARNINGS) -fno-builtin -fPIC -shared -o $@ $<
$(TEST_FUZZ): $(B)/%: $(B)/%.o $(B)/tests/fuzz/driver.o $(ALL_LIBS)
	$(link) $(TEST_LIBS)
$(EXAMPLES): $(B)/%: $(B)/%.o $(ALL_LIBS)
	$(link) $(LIBS_cli)
$(TEST_UNIT): $(B)/%: $(B)/%.o $(ALL_LIBS)
	$(link) $(TEST_LIBS) $(CHECK_LIBS)

$(B)/links.mk: $(TEST_UNIT_SRC) $(TEST_BIN_SRC) $(TEST_BENCH_SRC) $(TEST_FUZZ_SRC) tools/links.awk
	@mkdir -p $(@D)
	@awk -v build=$(B) -f tools/links.awk /dev/null $(filter %.c,$^) > $@

examples: $(EXAMPLES)

test-programs: $(TEST_BIN) $(TEST_CHAOS) $(EXAMPLES)

# A second build of the programs, for the tests of upgrades.
other-layout:
	@$(MAKE) --no-print-directory LAYOUT=other all

# ---- tests Each goal that may have to install something does that first, and only then reads this
# file again: by then pkg-config can answer.

PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

check:
	@tools/deps.sh install build check
	@$(MAKE) --no-print-directory $(PARALLEL) check-run
check-run: all test-programs other-layout $(TEST_UNIT) $(TEST_FUZZ)
	@$(TEST_ENV) tools/check.sh $(T)

unit:
	@tools/deps.sh install build check
	@$(MAKE) --no-print-directory $(PARALLEL) unit-run
unit-run: all $(TEST_UNIT)
	@$(TEST_ENV) tools/unit.sh

system:
	@tools/deps.sh install build check
	@$(MAKE) --no-print-directory $(PARALLEL) system-run
system-run: all test-programs other-layout
	@$(TEST_ENV) tools/system.sh $(T)

# The table's protocols under a model checker; quick, and a part of check as well.
model:
	@tools/deps.sh install model
	@tools/model.sh $(T)

# libFuzzer; FUZZ_SECONDS for each target, T="spec text" for some of them. make check gives each a
# second or two by a driver of its own.
fuzz:
	@tools/deps.sh install build fuzz
	@tools/fuzz.sh long $(T)

# A fault at every system call and allocation; T="--role spawner --kind kill" for a part. Random
# storms; T="--seed N" repeats one.
chaos soak:
	@tools/deps.sh install build check
	@$(MAKE) --no-print-directory $(PARALLEL) $@-run
chaos-run soak-run: all test-programs
	@$(TEST_ENV) $(PYTHON) tests/chaos/$(@:-run=).py $(T)

# Changes of the sources, one by one: does a test notice? T="--count 20 --folder shm".
mutants:
	@tools/deps.sh install build check
	@$(PYTHON) tests/mutants/mutants.py $(T)

# What commands print, beside another revision; T=--counts: how many instructions they take.
compare:
	@test -n "$(BASE)" || { echo "usage: make compare BASE=REVISION [T=--counts]" >&2; exit 2; }
	@tools/deps.sh install build check memcheck
	@$(MAKE) --no-print-directory $(PARALLEL) all test-programs
	@$(TEST_ENV) $(PYTHON) tests/compare/compare.py $(BASE) $(T)

# The daemons under valgrind.
memcheck:
	@tools/deps.sh install build check memcheck
	@$(MAKE) --no-print-directory $(PARALLEL) memcheck-run
memcheck-run: all test-programs
	@$(TEST_ENV) $(PYTHON) tests/memcheck/memcheck.py

# Line coverage by unit and system tests; T="-k name" picks system tests. Uncovered lines:
# build/coverage/uncovered.
coverage:
	@tools/deps.sh install build check coverage
	@rm -rf build/coverage/profiles
	-@$(MAKE) --no-print-directory $(PARALLEL) SAN=coverage unit-run
	-@$(MAKE) --no-print-directory $(PARALLEL) SAN=coverage system-run
	@tools/coverage.sh

demo:
	@tools/deps.sh install build demo
	@$(MAKE) --no-print-directory $(PARALLEL) demo-run
demo-run: all
	@TEND_BIN=$(CURDIR)/$(BIN) tools/demo.sh

bench:
	@tools/deps.sh install build bench
	@$(MAKE) --no-print-directory $(PARALLEL) bench-run
bench-run: all test-programs $(TEST_BENCH)
	@$(TEST_ENV) BENCH_BIN=$(CURDIR)/$(B)/tests/bench tests/bench/run $(T)

# ---- looking after the sources

C_FILES := $(wildcard $(addsuffix /*.[ch],$(LIB_FOLDERS) $(PROGRAM_FOLDERS) \
	tests/unit tests/bin tests/bench tests/fuzz tests/chaos examples))

fmt:
	@tools/deps.sh need lint
	clang-format -i $(C_FILES)

lint:
	@tools/deps.sh need lint
	@CFLAGS='-std=gnu11 -D_GNU_SOURCE -I. -Ilib -DTEND_VERSION="0" $(CJSON_CFLAGS) $(CHECK_CFLAGS)' tools/lint.sh $(C_FILES)

layers: all
	@$(PYTHON) tools/layers.py $(if $(SAN),,$(B))
lengths:
	@tools/lengths.sh
widths:
	@tools/deps.sh need format
	@$(PYTHON) tools/widths.py

clean:
	rm -rf build

# ---- install The snapshot reader: include/tendshm.h, and what it includes in its folders under
# include/tend. The installed library holds the parts of base/ that it needs.

SHM_HEADERS := shm/table.h shm/events.h shm/states.def shm/reasons.def lib/base/clock.h \
	lib/base/fault.h
INSTALLED_LIB := $(B)/install/libtendshm.a
INSTALLED_PC  := $(B)/install/tendshm.pc
MAN1 := $(wildcard docs/man/*.1) $(COMMAND_PAGES)
MAN5 := $(wildcard docs/man/*.5)
MAN8 := $(wildcard docs/man/*.8)
DAEMONS := $(filter-out $(BIN)/tend,$(BINARIES))
D := $(DESTDIR)$(PREFIX)

$(INSTALLED_LIB): $(call objects_of,shm) $(call objects_of,lib/base) $(B)/sources
	@mkdir -p $(@D)
	$(archive)
$(INSTALLED_PC): tools/tendshm.pc.in VERSION FORCE
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

install: all $(COMMAND_PAGES) $(INSTALLED_LIB) $(INSTALLED_PC)
	install -d "$(D)/bin" "$(D)/libexec/tend" "$(D)/lib/pkgconfig" "$(D)/include/tend/shm" \
		"$(D)/include/tend/base"
	install -m 755 $(BIN)/tend "$(D)/bin/"
	ln -sf tend "$(D)/bin/mcp_mesh_dev"
	install -m 755 $(DAEMONS) "$(D)/libexec/tend/"
	install -m 644 tools/tendshm.h "$(D)/include/"
	install -m 644 $(filter shm/%,$(SHM_HEADERS)) "$(D)/include/tend/shm/"
	install -m 644 $(filter lib/base/%,$(SHM_HEADERS)) "$(D)/include/tend/base/"
	install -m 644 $(INSTALLED_LIB) "$(D)/lib/"
	install -m 644 $(INSTALLED_PC) "$(D)/lib/pkgconfig/"
	$(if $(MAN1),install -d "$(D)/share/man/man1" && install -m 644 $(MAN1) \
		"$(D)/share/man/man1/")
	$(if $(MAN5),install -d "$(D)/share/man/man5" && install -m 644 $(MAN5) \
		"$(D)/share/man/man5/")
	$(if $(MAN8),install -d "$(D)/share/man/man8" && install -m 644 $(MAN8) \
		"$(D)/share/man/man8/")

	install -d "$(D)/share/bash-completion/completions" "$(D)/share/zsh/site-functions" \
		"$(D)/share/fish/vendor_completions.d" "$(D)/share/doc/tend"
	install -m 644 docs/completions/tend.bash "$(D)/share/bash-completion/completions/tend"
	ln -sf tend "$(D)/share/bash-completion/completions/mcp_mesh_dev"
	install -m 644 docs/completions/_tend "$(D)/share/zsh/site-functions/"
	install -m 644 docs/completions/tend.fish "$(D)/share/fish/vendor_completions.d/"
	ln -sf tend.fish "$(D)/share/fish/vendor_completions.d/mcp_mesh_dev.fish"
	install -m 644 docs/tend.schema.json "$(D)/share/doc/tend/"

# Exactly what install made; folders go only where they are ours and empty.
uninstall:
	rm -f "$(D)/bin/tend" "$(D)/bin/mcp_mesh_dev" \
		$(foreach d,$(filter-out tend,$(PROGRAM_NAMES)),"$(D)/libexec/tend/$(d)")
	rm -f "$(D)/include/tendshm.h" \
		$(foreach h,$(SHM_HEADERS),"$(D)/include/tend/$(patsubst lib/%,%,$(h))")
	rm -f "$(D)/lib/libtendshm.a" "$(D)/lib/pkgconfig/tendshm.pc"
	rm -f $(foreach m,$(MAN1),"$(D)/share/man/man1/$(notdir $(m))")
	rm -f $(foreach m,$(MAN5),"$(D)/share/man/man5/$(notdir $(m))")
	rm -f $(foreach m,$(MAN8),"$(D)/share/man/man8/$(notdir $(m))")
	rm -f "$(D)/share/bash-completion/completions/tend" \
		"$(D)/share/bash-completion/completions/mcp_mesh_dev" \
		"$(D)/share/zsh/site-functions/_tend"
	rm -f "$(D)/share/fish/vendor_completions.d/tend.fish" \
		"$(D)/share/fish/vendor_completions.d/mcp_mesh_dev.fish" \
		"$(D)/share/doc/tend/tend.schema.json"
	for d in share/doc/tend libexec/tend include/tend/shm include/tend/base include/tend; do \
		[ ! -d "$(D)/$$d" ] || rmdir "$(D)/$$d"; done

# ---- what the compiler found out; goals that compile nothing don't ask

NO_COMPILER := clean fmt lint lengths widths model fuzz coverage mutants compare deps uninstall
ifneq ($(filter-out $(NO_COMPILER),$(or $(MAKECMDGOALS),all)),)
-include $(B)/links.mk
-include $(wildcard $(B)/*/*.d $(B)/lib/*/*.d $(B)/tests/*/*.d)
endif
