/* SPDX-License-Identifier: Apache-2.0 */
/* Lack of room on a disk: the only file system error that passes by itself, so it is told apart
 * from all others wherever a start writes something. */
#ifndef NODE_PROCESS_SPACE_H
#define NODE_PROCESS_SPACE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/statvfs.h>

#define SPACE_TO_START (UINT64_C(1) << 20) /* With less a node would end at one of its first entries. */
#define SPACE_TO_WRITE (UINT64_C(64) << 10)
#define SPACE_ADVICE "; make room on that disk"

/* Less than so many octets are left on fd's disk. By a descriptor: no path is looked at under
 * the filter of system calls. */
static inline bool space_below(int fd, uint64_t octets)
{
	struct statvfs v;

	return fstatvfs(fd, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < octets;
}

static inline bool space_is_wanting(int error) /* An errno. */
{
	return error == ENOSPC || error == EDQUOT;
}

/* LMDB reports a short write as EIO: was it for lack of room on fd's disk? */
static inline int space_error(int error, int fd)
{
	return error == EIO && space_below(fd, SPACE_TO_WRITE) ? ENOSPC : error;
}

#endif
