/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/checkers.h"

#include <string.h>

void checkers_init(struct checkers *c, struct full *f)
{
	memset(c, 0, sizeof(*c));
	c->i1.full = c->i2.full = c->i3.full = c->i4.full = f;
	c->i5.full = c->i6.full = c->i7.full = c->i8.full = c->i9.full = f;
	c->i10.full = c->i11.full = c->i12.full = f;
}

void checkers_fini(struct checkers *c)
{
	seen_fini(&c->i1.numbers);
	seen_fini(&c->i1.esp);
	seen_fini(&c->i1.ike);
	seen_fini(&c->i1.lease);
	seen_fini(&c->i2.delivered);
	seen_fini(&c->i2.led);
	i2_ages_fini(&c->i2);
	seen_fini(&c->i3.bytes);
	seen_fini(&c->i3.asked);
	seen_fini(&c->i3.rounds);
	seen_fini(&c->i3.questions);
	seen_fini(&c->i4.there);
	seen_fini(&c->i6.dead);
	seen_fini(&c->i6.pair);
	seen_fini(&c->i6.user);
	seen_fini(&c->i7.digest);
	seen_fini(&c->i7.owner);
	seen_fini(&c->i7.newest);
	seen_fini(&c->i11.carried);
}
