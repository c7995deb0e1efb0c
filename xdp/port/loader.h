/* SPDX-License-Identifier: Apache-2.0 */
/* The XDP program in the kernel: loading, attaching, and its maps. */
#ifndef XDP_PORT_LOADER_H
#define XDP_PORT_LOADER_H

#include "proto/wire/address.h"

#include <stddef.h>
#include <stdint.h>

struct baton_bpf;

struct loader {
	struct baton_bpf *bpf; /* NULL: not loaded. */
	int link;              /* A BPF link: closing it detaches, as does our end. */
	uint32_t *min_seq;     /* Shared with the program, slots of them. */
	size_t min_seq_len;    /* Octets mapped. */
	uint32_t program_id;   /* As the kernel shows it on the interface. */
	uint32_t slots;
	uint32_t *free_slots;
	uint32_t n_free;
};

/* All return 0 or a negative errno. */
int loader_load(struct loader *l, uint32_t slots, const struct prefix *services, size_t n);
int loader_attach(struct loader *l, unsigned ifindex, uint32_t xdp_mode_flag);
void loader_detach(struct loader *l);
void loader_unload(struct loader *l);

int loader_program(const struct loader *l); /* Descriptors, for tests and sockets. */
int loader_xsks(const struct loader *l);

/* Makes an SPI known; *slot is where its minimum stands. -ENOSPC: no slot left. */
int loader_spi_put(struct loader *l, uint32_t spi, uint32_t *slot);
void loader_spi_del(struct loader *l, uint32_t spi, uint32_t slot);
/* From now on nothing below least passes. Call it only with authenticated numbers. */
void loader_spi_min(struct loader *l, uint32_t slot, uint32_t least);

uint64_t loader_count(const struct loader *l, unsigned what); /* enum baton_count */

#endif
