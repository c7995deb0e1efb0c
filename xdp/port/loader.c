/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf directly: libxdp's dispatcher would want bpffs and BTF, which containers lack. The program
 * is attached by a BPF link, so that it goes when the process ends, however that happens: a dead
 * node's kernel must not go on sending packets to a socket that no longer exists. */
#include "xdp/port/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdp/port/baton.bpf.h"
#include "xdp/baton.skel.h"

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0; /* Errors come back as numbers and are shown by /v1/status. */
}

static size_t map_octets(uint32_t slots)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* The kernel rounds each element of an array up to 8 octets. */
	return ((size_t)slots * 8 + page - 1) / page * page;
}

static int add_services(struct loader *l, const struct prefix *services, size_t n)
{
	int map = bpf_map__fd(l->bpf->maps.services);

	for (size_t i = 0; i < n; i++) {
		struct baton_service key = {.family = services[i].address.family};
		__u32 one = 1;
		int error;

		memcpy(key.words, services[i].address.octets, address_len(&services[i].address));
		error = bpf_map_update_elem(map, &key, &one, BPF_ANY);
		if (error)
			return error;
	}
	return 0;
}

static int read_program_id(struct loader *l)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int error = bpf_obj_get_info_by_fd(loader_program(l), &info, &len);

	l->program_id = info.id;
	return error;
}

int loader_load(struct loader *l, uint32_t slots, const struct prefix *services, size_t n)
{
	int error;

	memset(l, 0, sizeof(*l));
	l->link = -1;
	l->slots = slots;
	libbpf_set_print(quiet);
	l->free_slots = calloc(slots, sizeof(*l->free_slots));
	l->bpf = baton_bpf__open();
	if (!l->bpf || !l->free_slots) {
		error = l->bpf ? -ENOMEM : -errno;
		goto fail;
	}
	for (l->n_free = 0; l->n_free < slots; l->n_free++)
		l->free_slots[l->n_free] = slots - 1 - l->n_free;
	bpf_map__set_max_entries(l->bpf->maps.spis, slots);
	bpf_map__set_max_entries(l->bpf->maps.min_seq, slots);
	if ((error = baton_bpf__load(l->bpf)))
		goto fail;
	l->min_seq_len = map_octets(slots);
	l->min_seq = mmap(NULL, l->min_seq_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			  bpf_map__fd(l->bpf->maps.min_seq), 0);
	if (l->min_seq == MAP_FAILED) {
		l->min_seq = NULL;
		error = -errno;
		goto fail;
	}
	if ((error = add_services(l, services, n)) || (error = read_program_id(l)))
		goto fail;
	return 0;
fail:
	loader_unload(l);
	return error;
}

int loader_attach(struct loader *l, unsigned ifindex, uint32_t xdp_mode_flag)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = xdp_mode_flag);

	l->link = bpf_link_create(loader_program(l), (int)ifindex, BPF_XDP, &options);
	return l->link < 0 ? l->link : 0;
}

void loader_detach(struct loader *l)
{
	if (l->link >= 0)
		close(l->link);
	l->link = -1;
}

void loader_unload(struct loader *l)
{
	if (l->bpf)
		loader_detach(l);
	if (l->min_seq)
		munmap(l->min_seq, l->min_seq_len);
	baton_bpf__destroy(l->bpf);
	free(l->free_slots);
	memset(l, 0, sizeof(*l));
	l->link = -1;
}

int loader_program(const struct loader *l)
{
	return bpf_program__fd(l->bpf->progs.baton);
}

int loader_xsks(const struct loader *l)
{
	return bpf_map__fd(l->bpf->maps.xsks);
}

int loader_spi_put(struct loader *l, uint32_t spi, uint32_t *slot)
{
	__u32 key = htonl(spi);
	int error;

	if (!l->n_free)
		return -ENOSPC;
	*slot = l->free_slots[l->n_free - 1];
	loader_spi_min(l, *slot, 0);
	error = bpf_map_update_elem(bpf_map__fd(l->bpf->maps.spis), &key, slot, BPF_ANY);
	if (!error)
		l->n_free--;
	return error;
}

void loader_spi_del(struct loader *l, uint32_t spi, uint32_t slot)
{
	__u32 key = htonl(spi);

	if (bpf_map_delete_elem(bpf_map__fd(l->bpf->maps.spis), &key) == 0)
		l->free_slots[l->n_free++] = slot;
}

void loader_spi_min(struct loader *l, uint32_t slot, uint32_t least)
{
	__atomic_store_n(&l->min_seq[slot * 2], least, __ATOMIC_RELAXED);
}

uint64_t loader_count(const struct loader *l, unsigned what)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;
	uint64_t sum = 0;
	__u32 key = what;

	if (values && bpf_map_lookup_elem(bpf_map__fd(l->bpf->maps.counts), &key, values) == 0)
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	free(values);
	return sum;
}
