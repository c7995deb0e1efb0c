/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a question that an authentication method asks outside: what ACTION_AUTH_ASK
 * carries and EVENT_AUTH_ANSWER brings back. No two questions have the same. A new leader asks
 * again what was not answered, under the same name and with the same octets; so may the same
 * one. */
#ifndef CLUSTER_CORE_AUTH_QUESTION_H
#define CLUSTER_CORE_AUTH_QUESTION_H

#include <stdint.h>

struct auth_question {
	uint64_t spi_i, spi_r; /* The half-open IKE SA ... */
	uint32_t step;         /* ... in this step. */
};

#endif
