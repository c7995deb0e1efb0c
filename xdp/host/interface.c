/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the kernel. "Up" is what the administrator set (IFF_UP): a cable may be unplugged
 * while a node runs, which is no reason not to start. */
#include "xdp/host/interface.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const char *interface_missing(const char *name)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	error = fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (error)
		return error == ENODEV ? "does not exist yet" : strerror(error);
	return request.ifr_flags & IFF_UP ? NULL : "is down";
}
