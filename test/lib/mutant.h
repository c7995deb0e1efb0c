/* SPDX-License-Identifier: Apache-2.0 */
/* Which planted bug is active (proto/mutant.h). Only a mutant build has any: there the
 * simulator takes it from its arguments, every test program from MUTANT_PLANT in its
 * environment. */
#ifndef TEST_LIB_MUTANT_H
#define TEST_LIB_MUTANT_H

#include <stdbool.h>

/* By its name in the list, with or without MUTANT_. False: there is no such bug, or this
 * build has none; "NONE" is always there. */
bool mutant_plant(const char *name);
/* One line each: name, text. */
void mutant_list(void);

#endif
