/* SPDX-License-Identifier: Apache-2.0 */
/* Mutations for core_fuzz.c, which includes it behind read_event(): events are moved, repeated,
 * taken out; a frame's content is changed, and its length follows; two lives are crossed between
 * events. */
#ifndef TEST_FUZZ_LIVES_H
#define TEST_FUZZ_LIVES_H

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed);

#define LIFE_HEAD 3u
#define EVENT_HEAD 5u
#define LIFE_EVENTS 1024u
#define LIFE_ROOM (1u << 20)

static uint32_t random_state;
static uint8_t life_out[LIFE_ROOM];

static uint32_t draw(size_t below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)random_state * below >> 32);
}

static bool carries_octets(uint8_t kind)
{
	enum event_type t = (enum event_type)(kind % (EVENT_CONTROL + 1));

	return t == EVENT_DATAGRAM || t == EVENT_FRAME;
}

/* Where the events begin, and where the last one ends. */
static size_t split(const uint8_t *data, size_t len, size_t at[LIFE_EVENTS + 1])
{
	struct life_event l;
	size_t n = 0;
	CBS in;

	at[0] = LIFE_HEAD;
	if (len < LIFE_HEAD)
		return 0;
	CBS_init(&in, data + LIFE_HEAD, len - LIFE_HEAD);
	while (n < LIFE_EVENTS) {
		const uint8_t *begin = CBS_data(&in);

		/* An event that its node does not take has its length all the same. */
		if (!read_event(&in, &l) && CBS_data(&in) < begin + EVENT_HEAD + 1)
			break;
		at[++n] = (size_t)(CBS_data(&in) - data);
	}
	return n;
}

static size_t join(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, size_t at)
{
	if (at + a_len + b_len > LIFE_ROOM)
		return at;
	memcpy(life_out + at, a, a_len);
	memcpy(life_out + at + a_len, b, b_len);
	return at + a_len + b_len;
}

/* One event, its octets mutated, into life_out at `to`. */
static size_t mutate_event(const uint8_t *e, size_t len, size_t to, size_t room)
{
	uint8_t *out = life_out + to;
	size_t head = EVENT_HEAD + 3, n;

	memcpy(out, e, len);
	if (!carries_octets(e[0]) || len < head || draw(4) == 0) {
		out[draw(len < head ? len : head - 2)] = (uint8_t)draw(256);
		return to + len;
	}
	if (room > 60000)
		room = 60000;
	n = LLVMFuzzerMutate(out + head, len - head, len - head > room ? len - head : room);
	out[head - 2] = (uint8_t)(n >> 8);
	out[head - 1] = (uint8_t)n;
	return to + head + n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static size_t at[LIFE_EVENTS + 1];
	size_t n, from, to, end, len = 0;

	random_state = seed * 2654435761u + 1;
	n = split(data, size, at);
	if (n < 2 || size > LIFE_ROOM / 4 || draw(20) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	from = draw(n);
	to = draw(n);
	end = from + 1 + (draw(3) ? 0 : draw(n - from));
	switch (draw(6)) {
	case 0: /* Out. */
		len = join(data, at[from], data + at[end], at[n] - at[end], 0);
		break;
	case 1: /* Again, somewhere. */
		len = join(data, at[to], data + at[from], at[end] - at[from], 0);
		len = join(data + at[to], at[n] - at[to], data, 0, len);
		break;
	case 2: /* Sooner. */
		if (to > from)
			to = from;
		len = join(data, at[to], data + at[from], at[end] - at[from], 0);
		len = join(data + at[to], at[from] - at[to], data + at[end], at[n] - at[end], len);
		break;
	case 3: /* On another node, or exact. */
		memcpy(life_out, data, len = at[n]);
		life_out[draw(LIFE_HEAD)] = (uint8_t)draw(6);
		break;
	default:
		memcpy(life_out, data, at[from]);
		len = mutate_event(data + at[from], at[from + 1] - at[from], at[from], max_size - size);
		len = join(data + at[from + 1], at[n] - at[from + 1], data, 0, len);
	}
	if (len > max_size)
		len = max_size;
	memcpy(data, life_out, len);
	return len;
}

/* The beginning of one life, the end of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed)
{
	static size_t one[LIFE_EVENTS + 1], two[LIFE_EVENTS + 1];
	size_t n = split(a, a_len, one), m = split(b, b_len, two), len, from;

	random_state = seed * 2654435761u + 1;
	if (n == 0 || m == 0)
		return 0;
	from = two[draw(m)];
	len = join(a, one[1 + draw(n)], b + from, two[m] - from, 0);
	if (len > max)
		len = max;
	memcpy(out, life_out, len);
	return len;
}

#endif
