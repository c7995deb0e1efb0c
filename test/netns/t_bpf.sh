#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The kernel runs the XDP program on rows of frames: bpf_test.c.
cd "$(dirname "$0")/../.." || exit 1
make -s build/netns/bpf_test || exit 1
out=$(build/netns/bpf_test); rc=$?
printf '%s\n' "$out"
[ "${out%%:*}" != SKIP ] || { printf '%s\n' "${out%%$'\n'*}"; exit 77; }
exit $rc
