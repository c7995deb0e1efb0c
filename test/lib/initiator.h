/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the tests is the initiator of proto/. */
#include "proto/ike_initiator.h"
