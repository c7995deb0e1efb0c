# SPDX-License-Identifier: Apache-2.0
# Everything that tests. All of it is built with ASan and UBSan, in build/san.
# A file test/unit/x_test.c is a cmocka program of its own; test/fuzz/x_fuzz.c a
# libFuzzer target with its seed corpus in test/fuzz/corpus/x/.

# make check-unit T=lease_test
override T_UNIT := $(if $(filter command line,$(origin T)),$(patsubst %,build/san/unit/%,$(T)))
override T := build/san
UNIT := $(patsubst test/unit/%.c,$(T)/unit/%,$(wildcard test/unit/*_test.c))
FUZZ := $(patsubst test/fuzz/%.c,build/fuzz/%,$(wildcard test/fuzz/*_fuzz.c))

TESTLIB := $(T)/libtest.a
$(TESTLIB): $(patsubst %,$(T)/obj/%.o,$(wildcard test/lib/*.c))
include test/sim/sim.mk

# All that reads cluster.toml.
CONFIG_C := $(filter-out node/config/check_host.c,$(wildcard node/config/*.c)) node/link/pki.c

LINK_C := $(wildcard node/link/*.c) $(patsubst %,node/process/%.c,events inbox wakeup)

ifeq ($(SAN),1)
$(T)/unit/%: $(T)/obj/test/unit/%.c.o $(TESTLIB) $(T)/libxdpath.a $(T)/libcluster.a $(T)/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(CLUSTER_LIBS) $(XDP_LIBS) $(UNIT_LIBS)
# What a test needs of node/ besides.
$(T)/unit/stall_window_test: $(T)/obj/node/process/stall_window.c.o
$(T)/unit/link_test: $(patsubst %,$(T)/obj/%.o,$(LINK_C))
$(T)/unit/link_test: UNIT_LIBS := -luv -lssl
$(T)/unit/inbox_test: $(T)/obj/node/process/inbox.c.o
$(T)/unit/events_test: $(T)/obj/node/process/events.c.o
$(T)/unit/ready_test: $(patsubst %,$(T)/obj/node/process/%.c.o,ready events)
CONFIG_TESTS := $(addprefix $(T)/unit/config_,test files_test facts_test certificates_test expiry_test stock_test)
$(CONFIG_TESTS): $(patsubst %,$(T)/obj/%.o,$(CONFIG_C) node/config/toml.cc)
$(CONFIG_TESTS): UNIT_LIBS := -lstdc++
# Cuts what is sealed into datagrams.
$(T)/unit/core_datagrams_test: UNIT_LIBS := -Wl,--wrap=ike_seal
STORE_C := $(wildcard node/store/store_[clr]*.c)
$(T)/unit/store_lmdb_test $(T)/unit/store_check_test: $(patsubst %,$(T)/obj/%.o,$(STORE_C))
$(T)/unit/store_lmdb_test $(T)/unit/store_check_test: UNIT_LIBS := -llmdb
san-all: $(UNIT) $(if $(SIM),$(T)/sim) $(T)/baton
unit-all: $(UNIT)
endif

# Helpers of the namespace tests that need the data path, without a node.
build/netns/%: test/netns/%.c build/libxdpath.a build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out %.h,$^) $(XDP_LIBS)

# A node's half of a link, for a thief of its certificate.
build/netns/link_peer: $(patsubst %,build/obj/node/link/%.c.o,tls forward pki) build/libcluster.a
build/netns/link_peer: XDP_LIBS += build/libproto.a -lssl $(CLUSTER_LIBS)

# A kernel's IPsec for IKE daemons that are peers.
build/netns/ipsec_preload.so: test/matrix/kernel/preload.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

build/netns/%.so: test/netns/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

# Faults of all kinds against stock clients, for any time; needs root. And the same with planted
# bugs in the nodes: observers that see only packets must notice.
## chaos: faults at random against stock clients, as long as asked (root)
chaos: all
	test/netns/chaos.sh $(CHAOS)
CHAOS_MUTANTS := $(or $(MUTANT),REPLAY_UNCHECKED NO_MARKS NO_HEARD_MARKS LEASE_SHARED SAME_EPOCH RESTART_GOES_ON NEXT_KEPT IV_GOES_BACK RENEW_BY_STEP)
CHAOS_PATCHED := $(patsubst test/sim/patches/%.patch,build/mutants/patched/%/baton,$(wildcard $(CHAOS_MUTANTS:%=test/sim/patches/%.patch)))
chaos-mutants: build/mutants/baton $(CHAOS_PATCHED) build/netns/chaos_preload.so
	test/netns/chaos_mutants.sh $(or $(MUTANT),NONE $(CHAOS_MUTANTS))
.PHONY: chaos chaos-mutants

# The whole program, but nothing is sealed: to show that a search for keys finds them.
build/unsealed/baton: build/obj/test/netns/unsealed.c.o $(NODE) build/libxdpath.a build/libcluster.a build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS) -Wl,--wrap=seal_create -Wl,--wrap=seal_open -o $@ $^ $(NODE_LIBS)

# Fuzz targets are built by clang from the sources they need: all of proto and
# cluster and the pure ones of xdp, once for all targets; in build/fuzz with ASan and
# UBSan, in build/fuzz-cov to see which lines are reached.
FUZZ_UNDER := $(wildcard proto/*/*.c cluster/*.c cluster/*/*.c xdp/engine/*.c) xdp/port/offload.c \
	$(patsubst %,xdp/host/%.c,arp host host_message nd blackhole) xdp/thread/isolation.c \
	$(wildcard test/lib/gateway.c test/lib/story*.c test/lib/sample.c test/lib/toy_auth.c test/lib/eap_client.c test/lib/radius_server.c test/lib/radius_accountant.c test/lib/outside_answer.c test/lib/pki.c)
define fuzz_build
$(1)/obj/%.o: %
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CLANG) $$(CPPFLAGS) $(2) $$(if $$(filter %.c,$$<),-std=gnu11,-std=c++17) -c -o $$@ $$<
$(1)/libunder.a: $(patsubst %,$(1)/obj/%.o,$(FUZZ_UNDER))
	@rm -f $$@
	@ar rcs $$@ $$^
$(1)/%_fuzz: $(1)/obj/test/fuzz/%_fuzz.c.o $(1)/libunder.a
	$$(call say,LINK)
	$$(Q)$$(CLANG) $(2) -fsanitize=fuzzer $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(1)/libunder.a $$(FUZZ_LIBS) $$(CLUSTER_LIBS) || { rm -f $$@; false; }
# What a target needs of node/ and does not include itself.
$(1)/config_fuzz: $(patsubst %,$(1)/obj/%.o,$(filter-out %/values.c,$(CONFIG_C)) node/config/toml.cc)
$(1)/config_fuzz: FUZZ_LIBS := --driver-mode=g++
$(1)/http_fuzz $(1)/status_fuzz: $(patsubst %,$(1)/obj/node/http/%.o,status_json.c status_sessions.c status_certificates.c) $(1)/obj/node/config/expiry.c.o
$(1)/http_fuzz: $(1)/obj/node/http/http_conn.c.o
# They would ask a data path and links; there are none, so nothing calls the missing functions.
$(1)/http_fuzz: FUZZ_LIBS := -lmicrohttpd -ljansson -luv -no-pie -Wl,--unresolved-symbols=ignore-all
$(1)/status_fuzz: FUZZ_LIBS := -ljansson -no-pie -Wl,--unresolved-symbols=ignore-all
$(1)/host_message_fuzz $(1)/netlink_fuzz: FUZZ_LIBS := -lmnl
$(1)/link_fuzz: FUZZ_LIBS := -luv
$(1)/store_fuzz: $(patsubst %,$(1)/obj/node/store/%.o,store_log.c store_record.c store_check_pages.c)
$(1)/store_fuzz: FUZZ_LIBS := -llmdb
$(1)/tls_fuzz: $(1)/obj/node/link/pki.c.o
$(1)/tls_fuzz: FUZZ_LIBS := -lssl
$(1)/control_fuzz: $(1)/obj/node/control/control_line.c.o
$(1)/control_fuzz: FUZZ_LIBS := -ljansson -no-pie -Wl,--unresolved-symbols=ignore-all
$(1)/answer_fuzz: FUZZ_LIBS := -ljansson -no-pie -Wl,--unresolved-symbols=ignore-all
endef
$(eval $(call fuzz_build,build/fuzz,-gline-tables-only -O1 -fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=undefined))
$(eval $(call fuzz_build,build/fuzz-cov,-O1 -fprofile-instr-generate -fcoverage-mapping))
fuzz-all: $(FUZZ)
## check-fuzz: all corpora, then a fixed number of mutations
check-fuzz:
	test/fuzz/run.sh
## fuzz-long: all fuzz targets in turn, as long as asked
fuzz-long: $(FUZZ)
	@test/fuzz/long.sh
fuzz-coverage: $(FUZZ:build/fuzz/%=build/fuzz-cov/%)
	@test/fuzz/coverage.sh
.PHONY: check-fuzz fuzz-long fuzz-coverage

# Planted bugs (proto/mutant.h, test/sim/patches): a checker of the simulator must notice each of them, or
# a unit test if the simulator cannot see it. mutants.sh builds what it needs.
MUTANT_FLAGS := -std=gnu11 -g -O1 $(WARN) -Wno-maybe-uninitialized -DBATON_MUTANTS
mutant_objs = $(patsubst %.c,build/mutants/obj/%.o,$(filter-out %.bpf.c,$(wildcard $(1))))
build/mutants/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(MUTANT_FLAGS) -c -o $@ $<
$(call mutant_objs,xdp/*.c xdp/*/*.c): $(SKEL)
$(call mutant_objs,node/cli/main.c): $(B)/version.h
build/mutants/libunder.a: $(call mutant_objs,test/lib/*.c xdp/*.c xdp/*/*.c cluster/*.c cluster/*/*.c proto/*/*.c)
	@rm -f $@
	@ar rcs $@ $^
MUTANT_SIM := $(call mutant_objs,proto/*/*.c cluster/*.c cluster/*/*.c test/lib/*.c $(SIM_C))
MUTANT_NODE := $(call mutant_objs,node/*/*.c) $(call objs,$(wildcard node/*/*.cc))
build/mutants/sim: $(MUTANT_SIM)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)
MUTANT_CONFIG_TESTS := $(addprefix build/mutants/unit/config_,test files_test facts_test certificates_test expiry_test stock_test)
$(MUTANT_CONFIG_TESTS): $(call mutant_objs,$(CONFIG_C)) build/obj/node/config/toml.cc.o
$(MUTANT_CONFIG_TESTS): UNIT_LIBS := -lstdc++
build/mutants/unit/stall_window_test: $(call mutant_objs,node/process/stall_window.c)
build/mutants/unit/link_test: $(call mutant_objs,$(LINK_C))
build/mutants/unit/link_test: UNIT_LIBS := -luv -lssl
build/mutants/unit/inbox_test: $(call mutant_objs,node/process/inbox.c)
build/mutants/unit/events_test: $(call mutant_objs,node/process/events.c)
build/mutants/unit/ready_test: $(call mutant_objs,node/process/ready.c node/process/events.c)
build/mutants/unit/core_datagrams_test: UNIT_LIBS := -Wl,--wrap=ike_seal
build/mutants/unit/store_lmdb_test build/mutants/unit/store_check_test: $(call mutant_objs,node/store/store_[clr]*.c)
build/mutants/unit/%: build/mutants/obj/test/unit/%.o build/mutants/libunder.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka -llmdb $(CLUSTER_LIBS) $(XDP_LIBS) $(UNIT_LIBS)
build/mutants/baton: $(MUTANT_NODE) build/mutants/libunder.a
	$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(NODE_LIBS)
# Bugs of the files that a reader must believe are patches, test/sim/patches/NAME.patch (the
# second line says what it breaks): NAME has a simulator, unit tests and a node of its own,
# in which the patched copies replace their sources.
define mutant_patched
build/mutants/patched/$(1)/applied: test/sim/patches/$(1).patch $(2)
	@rm -rf $$(@D)
	@for file in $(2); do install -D -m 644 $$$$file $$(@D)/$$$$file || exit 1; done
	@patch -s -f -F0 -p1 -d $$(@D) < $$< || { echo "$$<: no longer applies" >&2; rm -rf $$(@D); false; }
	@touch $$@ $(2:%=$$(@D)/%)
$(2:%=build/mutants/patched/$(1)/%): build/mutants/patched/$(1)/applied ;
build/mutants/patched/$(1)/%.o: build/mutants/patched/$(1)/%.c
	$$(call say,CC)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(MUTANT_FLAGS) -Wno-unused -c -o $$@ $$<
build/mutants/patched/$(1)/sim: $(2:%.c=build/mutants/patched/$(1)/%.o) $$(filter-out $(2:%.c=build/mutants/obj/%.o),$$(MUTANT_SIM))
	$$(call say,LINK)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(CLUSTER_LIBS)
build/mutants/patched/$(1)/unit/%: $(2:%.c=build/mutants/patched/$(1)/%.o) build/mutants/obj/test/unit/%.o build/mutants/libunder.a
	@mkdir -p $$(@D)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) -lcmocka -llmdb $$(CLUSTER_LIBS) $$(XDP_LIBS) $$(UNIT_LIBS)
build/mutants/patched/$(1)/unit/core_datagrams_test: UNIT_LIBS := -Wl,--wrap=ike_seal
build/mutants/patched/$(1)/baton: $(2:%.c=build/mutants/patched/$(1)/%.o) $$(MUTANT_NODE) build/mutants/libunder.a
	$$(call say,LINK)
	$$(Q)$$(CXX) $$(LDFLAGS) -o $$@ $$^ $$(NODE_LIBS)
# The tests of node/ do not see them.
mutants-unit-$(1): $(patsubst test/unit/%.c,build/mutants/patched/$(1)/unit/%,$(filter-out %/config_test.c %/config_files_test.c %/config_facts_test.c %/config_certificates_test.c %/link_test.c %/events_test.c %/inbox_test.c %/ready_test.c %/stall_window_test.c %/store_lmdb_test.c %/store_check_test.c,$(wildcard test/unit/*_test.c)))
.PHONY: mutants-unit-$(1)
endef
PATCHES := $(shell awk '/^\+\+\+ b\// { name = FILENAME; gsub(/.*\/|\.patch$$/, "", name); print name ":" substr($$2, 3) }' test/sim/patches/*.patch)
$(foreach p,$(sort $(foreach p,$(PATCHES),$(firstword $(subst :, ,$(p))))),$(eval $(call mutant_patched,$(p),$(patsubst $(p):%,%,$(filter $(p):%,$(PATCHES))))))
## mutants: plant each bug and look for who notices
mutants:
	test/sim/mutants.sh build/mutants
mutants-unit: $(patsubst test/unit/%.c,build/mutants/unit/%,$(wildcard test/unit/*_test.c))

## check: layers, unit tests, fixed simulator seeds; no privilege
check: check-tidy check-unit check-sim
## check-tidy: who may include whom, and other rules of the tree
check-tidy:
	test/tidy.sh
	test/sim/mutants_test.sh
## check-unit T=lease_test: unit tests, all or those that T names
check-unit:
	$(MAKE) SAN=1 $(if $(T_UNIT),$(T_UNIT),unit-all)
	test/run-unit.sh $(or $(T_UNIT),$(UNIT))
# The scripts would build these themselves: no two of them at once.
NETNS_TOOLS := build/netns/bpf_test build/netns/datapath_peer build/netns/chaos_preload.so \
	build/netns/inside_preload.so build/netns/ipsec_preload.so build/netns/link_peer build/bench/flood build/unsealed/baton
## check-root: the namespace tests (root)
check-root: all $(NETNS_TOOLS)
	test/netns/run.sh
# ROWS="android windows": these only, of test/matrix/rows.
## matrix ROWS="android windows": what kind of client does which step, as one table (root)
matrix: all build/netns/ipsec_preload.so
	test/matrix/run.sh $(ROWS)
.PHONY: matrix mutants mutants-unit check check-tidy check-unit check-sim check-root san-all unit-all fuzz-all

# Figures: needs root and a quiet machine; never a test. BENCH="--kills 20 ..."
build/bench/%: test/bench/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<
build/bench/snapshot: test/bench/snapshot.c test/lib/sample.c build/libcluster.a build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)
## bench-snapshot: processor time that a snapshot takes
bench-snapshot: build/bench/snapshot
	build/bench/snapshot 1000 10000 100000
.PHONY: bench-snapshot
build/bench/handshakes: test/bench/handshakes.c test/bench/handshakes_config.c build/libproto.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS)
## bench-failover: gaps after kills, beside other systems (root)
bench-failover: all build/bench/pinger
	test/bench/failover.sh $(BENCH)
## bench-handshakes: handshakes a second, and by each method beside strongSwan (root)
bench-handshakes: all build/bench/handshakes build/netns/ipsec_preload.so
	test/bench/handshakes.sh $(BENCH)
	test/bench/methods.sh
## bench-replay: what exact replay protection costs (root)
bench-replay: all
	test/bench/replay.sh
## bench-flood: service under forged floods (root)
bench-flood: all build/bench/handshakes build/bench/flood
	test/bench/flood.sh $(BENCH)
.PHONY: bench-failover bench-handshakes bench-flood bench-replay
