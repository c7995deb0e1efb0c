# SPDX-License-Identifier: Apache-2.0
# The simulator, included by test/test.mk. It uses the store's own records and check, over
# an LMDB in memory (mdb.h), and the packet engine of the gateway.
ENGINE_C := $(wildcard xdp/engine/*.c) $(addprefix xdp/thread/,isolation.c stop_watch.c)
SIM_C := $(wildcard test/sim/*.c) $(addprefix node/store/store_,check.c log.c record.c) \
	node/link/forward.c $(ENGINE_C)
SIM := $(patsubst %,$(T)/obj/%.o,$(SIM_C))

ifeq ($(SAN),1)
$(T)/sim: $(SIM) $(TESTLIB) $(T)/libcluster.a $(T)/libproto.a
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)
endif

# Optimised, with asserts and without sanitizers: for many seeds.
SIM_FAST := $(patsubst %,build/obj/%.o,$(SIM_C) $(wildcard test/lib/*.c)) build/libcluster.a build/libproto.a
build/sim: $(SIM_FAST)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLUSTER_LIBS)

# Fixed seeds only: part of `make check`.
## check-sim: fixed simulator seeds
check-sim:
	$(MAKE) SAN=1 $(T)/sim
	test/sim/check.sh $(T)/sim

# Seeds that found something, and fresh ones; SIM_FRESH=N SIM_BASE=S.
## sim: the simulator with its fixed seeds, then fresh ones
sim:
	$(MAKE) SAN=1 $(T)/sim
	test/sim/run.sh $(T)/sim $(or $(SIM_FRESH),60) $(SIM_BASE)

# One fault at each IKE datagram of a client's life, for each method: SWEEP_SEED=S.
## sweep: one fault at each IKE datagram, for each method of authentication
sweep: build/sim
	build/sim --seed $(or $(SWEEP_SEED),1) --sweep 1 -s

# Nightly, on all processors: SIM_SEEDS=N SIM_BASE=S; resumes in the same SIM_DIR. SIM_BIN:
# another build, as build/asserts/sim.
## sim-long: 10,000 seeds; resumes
sim-long: build/sim
	test/sim/long.sh $(or $(SIM_BIN),build/sim) $(or $(SIM_DIR),build/sim-long) $(or $(SIM_SEEDS),10000) $(SIM_BASE)
.PHONY: check-sim sim sim-long sweep

# Against a libraft with its asserts, where its source is available; the same variables for seeds.
## sim-asserts: against a libraft with its asserts
sim-asserts: $(SIM_FAST)
	@test/sim/libraft_asserts.sh build/asserts || { [ $$? -eq 3 ] && exit 0; exit 1; }
	@[ ! -s build/asserts/libraft.a ] || { \
		$(CC) $(LDFLAGS) -o build/asserts/sim $(SIM_FAST) build/asserts/libraft.a $(CRYPTO_LIBS) && \
		build/asserts/sim --toy --seed 1 --count 100 && \
		test/sim/run.sh build/asserts/sim $(or $(SIM_FRESH),60) $(SIM_BASE); }
.PHONY: sim-asserts
