# SPDX-License-Identifier: Apache-2.0
# baton. `make` builds build/baton, `make help` lists what else there is.
# CC=clang works as well as gcc. SAN=1 builds everything with ASan and UBSan (in
# build/san); tests always do.

CC ?= gcc
CXX ?= g++
CLANG ?= clang
SAN ?= 0
B := build$(if $(filter 1,$(SAN)),/san)

BORINGSSL_PREFIX ?=
ifeq ($(BORINGSSL_PREFIX),)
BSSL_CFLAGS := -isystem /usr/include/android
BSSL_LIBDIR := /usr/lib/$(shell $(CC) -dumpmachine | sed 's/-pc-/-/')/android
else
BSSL_CFLAGS := -isystem $(BORINGSSL_PREFIX)/include
BSSL_LIBDIR := $(BORINGSSL_PREFIX)/lib
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
HARDEN := -fstack-protector-strong -fno-omit-frame-pointer
comma := ,
OPT := $(if $(filter 1,$(SAN)),-O1 -fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined,-O2 -D_FORTIFY_SOURCE=2)
# assert() is part of the product, whatever a packager's flags say.
CFLAGS := -std=gnu11 -g $(OPT) $(WARN) $(HARDEN) $(EXTRA_CFLAGS) -UNDEBUG
CXXFLAGS := -std=c++17 -g $(OPT) -Wall -Wextra -Werror $(HARDEN) $(EXTRA_CFLAGS) -UNDEBUG
CPPFLAGS := -I. -I$(B) $(BSSL_CFLAGS) -D_GNU_SOURCE -MMD -MP
LDFLAGS := $(if $(filter 1,$(SAN)),-fsanitize=address$(comma)undefined) -L$(BSSL_LIBDIR) -Wl,-rpath,$(BSSL_LIBDIR)
CRYPTO_LIBS := -lcrypto
CLUSTER_LIBS := -lraft $(CRYPTO_LIBS)
XDP_LIBS := -lxdp -lbpf -lmnl -lpthread $(CRYPTO_LIBS)
NODE_LIBS := -luv -llmdb -lmicrohttpd -ljansson -lseccomp -lssl $(XDP_LIBS) $(CLUSTER_LIBS) -lstdc++

# What is made on the way to something else is kept, and not listed at the end.
.SECONDARY:

# V=1 shows the commands whole.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $@)

objs = $(patsubst %,$(B)/obj/%.o,$(filter-out %.bpf.c,$(1)))
PROTO := $(call objs,$(wildcard proto/*/*.c))
CLUSTER := $(call objs,$(wildcard cluster/*.c cluster/*/*.c))
XDP := $(call objs,$(wildcard xdp/*.c xdp/*/*.c))
NODE := $(call objs,$(wildcard node/*/*.c node/*/*.cc))
BPF := $(patsubst xdp/port/%.bpf.c,$(B)/xdp/%.bpf.o,$(wildcard xdp/port/*.bpf.c))
SKEL := $(BPF:.bpf.o=.skel.h)

## all: build/baton (the default)
all: $(B)/baton
	@[ "$(SAN)" = 1 ] || [ build/baton -ef $(B)/baton ]

$(B)/baton: $(NODE) $(B)/libxdpath.a $(B)/libcluster.a $(B)/libproto.a
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(NODE_LIBS)

$(B)/libproto.a: $(PROTO)
$(B)/libcluster.a: $(CLUSTER)
$(B)/libxdpath.a: $(XDP)
$(B)/lib%.a:
	@rm -f $@
	@ar rcs $@ $^

$(B)/obj/%.c.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/obj/%.cc.o: %.cc
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

# The BPF object is embedded in the binary by its skeleton.
$(B)/xdp/%.bpf.o: xdp/port/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)
	$(Q)$(CLANG) -target bpf -O2 -g -Wall -Werror -I. -I/usr/include/$(shell $(CC) -dumpmachine | sed 's/-pc-/-/') -c -o $@ $<
$(B)/xdp/%.skel.h: $(B)/xdp/%.bpf.o
	$(Q)/usr/sbin/bpftool gen skeleton $< name $(subst -,_,$*)_bpf > $@ || { rm -f $@; false; }
$(XDP): $(SKEL)

include test/test.mk

# The version, and the commit where there is one: whenever that changes, version.h does.
VERSION := $(shell cat VERSION)$(shell git rev-parse --short=12 HEAD 2>/dev/null | sed 's/^/ (/;s/$$/)/')
$(B)/version.h: VERSION FORCE
	@mkdir -p $(@D)
	@echo '#define BATON_VERSION "$(VERSION)"' | cmp -s - $@ || echo '#define BATON_VERSION "$(VERSION)"' > $@
$(B)/obj/node/cli/main.c.o: $(B)/version.h
# A clock before that cannot be right: when the last commit was made, or the version was set.
BUILT := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y VERSION))
$(B)/build_time.h: FORCE
	@mkdir -p $(@D)
	@echo '#define BATON_BUILT INT64_C($(BUILT))' | cmp -s - $@ || echo '#define BATON_BUILT INT64_C($(BUILT))' > $@
$(B)/obj/node/process/node_start.c.o: $(B)/build_time.h
FORCE:

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F ': ' '{ printf "  make %-26s %s\n", $$1, $$2 }'

## format: lay out the lines that differ from HEAD as .clang-format says; tables keep their columns
format:
	@git clang-format -q --force HEAD

## compile_commands.json: for clangd and other tools
compile_commands.json: FORCE
	@$(MAKE) -Bnk V=1 all SAN=0 2>/dev/null | test/compile_commands.sh > $@

## clean: remove build/
clean:
	rm -rf build

.PHONY: all clean help format FORCE
-include $(shell find build -type f -name '*.d' 2>/dev/null)
