/* SPDX-License-Identifier: Apache-2.0 */
/* capset(2) directly: libcap would be one more library, for one call. */
#include "xdp/thread/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(PRIVILEGE_READ == UINT64_C(1) << CAP_DAC_READ_SEARCH, "by number");
_Static_assert(PRIVILEGE_NET_ADMIN == UINT64_C(1) << CAP_NET_ADMIN, "by number");
_Static_assert(PRIVILEGE_IPC_LOCK == UINT64_C(1) << CAP_IPC_LOCK, "by number");
_Static_assert(CAP_NET_BIND_SERVICE == 10 && CAP_NET_RAW == 13 && CAP_SYS_NICE == 23, "by number");
#ifdef CAP_BPF
_Static_assert(CAP_PERFMON == 38, "by number");
_Static_assert(PRIVILEGE_BPF == UINT64_C(1) << CAP_BPF, "by number");
#endif

int privilege_keep(uint64_t capabilities)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, set))
		return -errno;
	capabilities |= PRIVILEGE_IPC_LOCK;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t keep = (uint32_t)(capabilities >> (32 * i));

		set[i].permitted &= keep;
		set[i].effective = set[i].permitted; /* After a change of user there is none in effect. */
		set[i].inheritable = 0;
	}
	/* An ambient one would be inheritable again at an execve. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, set) ? -errno : 0;
}

void privilege_bound(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

bool privilege_has(uint64_t capabilities)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
	uint64_t has;

	if (syscall(SYS_capget, &head, set))
		return false;
	has = set[0].effective | (uint64_t)set[1].effective << 32;
	return (has & capabilities) == capabilities;
}
