/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a question that an authentication method asks outside: ACTION_AUTH_ASK carries it and
 * EVENT_AUTH_ANSWER brings it back. No two questions have the same name. A new leader asks an
 * unanswered question again, under the same name and with the same octets; the old leader may do so
 * too. */
#ifndef CLUSTER_CORE_AUTH_QUESTION_H
#define CLUSTER_CORE_AUTH_QUESTION_H

#include <stdint.h>

struct auth_question {
	uint64_t spi_i, spi_r; /* The half-open IKE SA ... */
	uint32_t step;         /* ... in this step. */
};

#endif
