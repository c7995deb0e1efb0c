# SPDX-License-Identifier: Apache-2.0
# Everything that tests. All of it is built with ASan and UBSan, in build/san.
# A file test/unit/x_test.c is a cmocka program of its own; test/fuzz/x_fuzz.c a
# libFuzzer target with its seed corpus in test/fuzz/corpus/x/.

T := build/san
UNIT := $(patsubst test/unit/%.c,$(T)/unit/%,$(wildcard test/unit/*_test.c))
FUZZ := $(patsubst test/fuzz/%.c,build/fuzz/%,$(wildcard test/fuzz/*_fuzz.c))

TESTLIB := $(T)/libtest.a
$(TESTLIB): $(patsubst %,$(T)/obj/%.o,$(wildcard test/lib/*.c))
# The simulator has the store's own records and check, over an LMDB in memory (mdb.h), and
# judges packets by the data path's own policy.
SIM_C := $(wildcard test/sim/*.c) $(addprefix node/store_,check.c log.c record.c) xdp/inner.c
SIM := $(patsubst %,$(T)/obj/%.o,$(SIM_C))

ifeq ($(SAN),1)
$(T)/unit/%: $(T)/obj/test/unit/%.c.o $(TESTLIB) $(T)/libxdpath.a $(T)/libcluster.a $(T)/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CLUSTER_LIBS) $(XDP_LIBS)
# The store is the one part of node/ with unit tests: a file format, no sockets.
$(T)/unit/store_lmdb_test: $(patsubst %,$(T)/obj/%.o,test/unit/store_lmdb_test.c $(wildcard node/store_[clr]*.c)) $(T)/libcluster.a $(T)/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -llmdb $(CLUSTER_LIBS)
$(T)/sim: $(SIM) $(TESTLIB) $(T)/libcluster.a $(T)/libproto.a
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)
san-all: $(UNIT) $(if $(SIM),$(T)/sim) $(T)/baton
unit-all: $(UNIT)
endif

# The same, optimised, with asserts and without sanitizers: for many seeds.
build/sim: $(patsubst %,build/obj/%.o,$(SIM_C) $(wildcard test/lib/*.c)) build/libcluster.a build/libproto.a
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)

# Helpers of the namespace tests that need the data path, without a node.
build/netns/%: test/netns/%.c build/libxdpath.a build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out %.h,$^) $(XDP_LIBS)

build/netns/%.so: test/netns/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

# Faults of all kinds against stock clients, for as long as one likes; needs root.
chaos: all
	test/netns/chaos.sh $(CHAOS)
.PHONY: chaos

# The whole program, but nothing is sealed: to show that a search for keys finds them.
build/unsealed/baton: build/obj/test/netns/unsealed.c.o $(NODE) build/libxdpath.a build/libcluster.a build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS) -Wl,--wrap=seal_create -Wl,--wrap=seal_open -o $@ $^ $(NODE_LIBS)

# Fuzz targets are built by clang from the sources they need: all of proto and
# cluster and the parsers of xdp, each with coverage. A target that includes a file
# of node/ names it as its dependency from the second build on: not for the linker.
FUZZ_FLAGS := -std=gnu11 -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -c -o $@ $<
build/fuzz/libunder.a: $(patsubst %.c,build/fuzz/obj/%.o,$(wildcard proto/*.c cluster/*.c) \
		xdp/inner.c xdp/outer.c xdp/checksum.c xdp/arp.c xdp/nd.c test/lib/gateway.c)
	@rm -f $@
	@ar rcs $@ $^
build/fuzz/%: test/fuzz/%.c build/fuzz/libunder.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter-out %.h node/%.c,$^) $(CLUSTER_LIBS)
fuzz-all: $(FUZZ)

# Planted bugs (proto/mutant.h): a checker of the simulator must notice each of them, or
# a unit test where it is out of the simulator's sight. test/sim/mutants.txt says which.
MUTANT_FLAGS := -std=gnu11 -g -O1 -DBATON_MUTANTS
MUTANT_UNIT := $(addprefix build/mutants/unit/,$(sort $(shell sed -n 's/^[A-Z_]* unit \([a-z0-9_]*\).*/\1/p' test/sim/mutants.txt)))
mutant_objs = $(patsubst %.c,build/mutants/obj/%.o,$(filter-out %.bpf.c,$(wildcard $(1))))
build/mutants/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(MUTANT_FLAGS) -c -o $@ $<
$(call mutant_objs,xdp/*.c): $(SKEL)
build/mutants/libunder.a: $(call mutant_objs,test/lib/*.c xdp/*.c cluster/*.c proto/*.c)
	@rm -f $@
	@ar rcs $@ $^
build/mutants/sim: $(call mutant_objs,proto/*.c cluster/*.c test/lib/*.c $(SIM_C))
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)
build/mutants/unit/store_lmdb_test: $(call mutant_objs,node/store_[clr]*.c)
build/mutants/unit/%: build/mutants/obj/test/unit/%.o build/mutants/libunder.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka -llmdb $(CLUSTER_LIBS) $(XDP_LIBS)
mutants: build/mutants/sim $(MUTANT_UNIT)
	test/sim/mutants.sh build/mutants
mutants-unit: $(patsubst test/unit/%.c,build/mutants/unit/%,$(wildcard test/unit/*_test.c))

check: check-layers check-unit check-sim
check-layers:
	test/layers.sh
check-unit:
	$(MAKE) SAN=1 unit-all
	test/run-unit.sh $(UNIT)
check-sim:
	$(MAKE) SAN=1 $(T)/sim
	test/sim/check.sh $(T)/sim
check-root: all
	test/netns/run.sh
.PHONY: mutants mutants-unit check check-layers check-unit check-sim check-root san-all unit-all fuzz-all

# Figures: needs root and a quiet machine; never a test. BENCH="--kills 20 ..."
build/bench/%: test/bench/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<
build/bench/handshakes: test/bench/handshakes.c build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS)
bench-failover: all build/bench/pinger
	test/bench/failover.sh $(BENCH)
bench-handshakes: all build/bench/handshakes
	test/bench/handshakes.sh $(BENCH)
.PHONY: bench-failover bench-handshakes
