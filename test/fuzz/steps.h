/* SPDX-License-Identifier: Apache-2.0 */
/* Mutations for targets whose input is a list of steps: kind, argument, length (2 octets),
 * octets. libFuzzer alone breaks a length with most of what it does to such a list; here
 * steps are moved, repeated, taken out and changed inside, and two inputs are crossed
 * between steps. With STEPS_IKE the argument is the type of the first payload of a chain,
 * and a chain is changed by payloads; steps_spis are SPIs that mean something.
 *
 * To be included by one target, after it has defined STEPS_KINDS. */
#ifndef TEST_FUZZ_STEPS_H
#define TEST_FUZZ_STEPS_H

#include <openssl/bytestring.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STEPS_MAX 48u
#define STEPS_ROOM (1u << 20)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed);

struct step {
	uint8_t kind, argument;
	const uint8_t *octets;
	size_t len;
};

struct steps {
	struct step step[STEPS_MAX + 1];
	size_t n;
};

static uint32_t steps_random = 1;
static uint8_t steps_scratch[STEPS_ROOM];

static uint32_t steps_draw(uint32_t below)
{
	steps_random = steps_random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)steps_random * below >> 32);
}

/* The last one may have lost its end. */
static void steps_read(struct steps *s, const uint8_t *data, size_t len)
{
	uint16_t n;
	CBS in, octets;

	s->n = 0;
	CBS_init(&in, data, len);
	while (s->n < STEPS_MAX && CBS_get_u8(&in, &s->step[s->n].kind) &&
	       CBS_get_u8(&in, &s->step[s->n].argument) && CBS_get_u16(&in, &n)) {
		size_t there = n < CBS_len(&in) ? n : CBS_len(&in);

		if (!CBS_get_bytes(&in, &octets, there))
			break;
		s->step[s->n].octets = CBS_data(&octets);
		s->step[s->n++].len = there;
	}
}

/* As many of them as there is room for. */
static size_t steps_write(const struct steps *s, uint8_t *out, size_t max)
{
	static uint8_t whole[STEPS_ROOM];
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct step *x = &s->step[i];

		if (at + 4 + x->len > max || at + 4 + x->len > sizeof(whole) || x->len > 0xffff)
			break;
		whole[at++] = x->kind;
		whole[at++] = x->argument;
		whole[at++] = (uint8_t)(x->len >> 8);
		whole[at++] = (uint8_t)x->len;
		if (x->len)
			memcpy(whole + at, x->octets, x->len);
		at += x->len;
	}
	memcpy(out, whole, at);
	return at;
}

static void step_insert(struct steps *s, size_t at, struct step x)
{
	if (s->n == STEPS_MAX)
		return;
	memmove(&s->step[at + 1], &s->step[at], (s->n - at) * sizeof(x));
	s->step[at] = x;
	s->n++;
}

static void step_mutate_octets(struct step *x, size_t room)
{
	if (room > 0xffff)
		room = 0xffff;
	if (x->len > room)
		return;
	memcpy(steps_scratch, x->octets ? x->octets : steps_scratch, x->len);
	x->len = LLVMFuzzerMutate(steps_scratch, x->len, room);
	x->octets = steps_scratch;
}

#ifdef STEPS_IKE
#include "test/fuzz/payloads.h"
#endif

static void step_mutate(struct step *x, size_t room)
{
	switch (steps_draw(6)) {
	case 0:
		x->kind = (uint8_t)(steps_draw(STEPS_KINDS) | (steps_draw(4) ? 0 : steps_draw(256) & 0xc0));
		return;
	case 1:
		x->argument = (uint8_t)steps_draw(256);
		return;
	case 2:
		break;
	default:
#ifdef STEPS_IKE
		payloads_mutate(x);
		return;
#endif
		break;
	}
	step_mutate_octets(x, x->len + room);
}

static void steps_mutate(struct steps *s, size_t room)
{
	size_t at = steps_draw((uint32_t)s->n), other = steps_draw((uint32_t)s->n);
	struct step x = s->step[at];

	switch (steps_draw(10)) {
	case 0:
		step_insert(s, other, x);
		break;
	case 1:
		memmove(&s->step[at], &s->step[at + 1], (s->n - at - 1) * sizeof(x));
		s->n--;
		break;
	case 2:
		s->step[at] = s->step[other];
		s->step[other] = x;
		break;
	case 3:
		x.kind = (uint8_t)steps_draw(STEPS_KINDS);
		step_insert(s, at + 1, x);
		break;
#ifdef STEPS_IKE
	case 4:
	case 5:
		x.kind = (uint8_t)steps_draw(STEPS_KINDS);
		payloads_make(&x);
		step_insert(s, steps_draw((uint32_t)s->n + 1), x);
		break;
#endif
	default:
		step_mutate(&s->step[at], room);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct steps s;
	size_t len;

	steps_random = seed * 2654435761u + 1;
	steps_read(&s, data, size);
	if (s.n == 0 || steps_draw(16) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	steps_mutate(&s, max_size - size + 16);
	len = steps_write(&s, data, max_size);
	return len ? len : LLVMFuzzerMutate(data, size, max_size);
}

/* The beginning of one, the end of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed)
{
	static struct steps one, two;
	size_t from;

	steps_random = seed * 2654435761u + 1;
	steps_read(&one, a, a_len);
	steps_read(&two, b, b_len);
	if (one.n == 0 || two.n == 0)
		return 0;
	one.n = steps_draw((uint32_t)one.n) + 1;
	for (from = steps_draw((uint32_t)two.n); from < two.n && one.n < STEPS_MAX; from++)
		one.step[one.n++] = two.step[from];
	return steps_write(&one, out, max);
}

#endif
