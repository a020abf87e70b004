/* SPDX-License-Identifier: GPL-2.0
 * One object of all classes: they share rings and settings. Each program
 * is loaded by itself, so that one this kernel refuses takes no other
 * with it.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#include "arch.h"
#include "record.h"
#include "maps.h"
#include "write.h"
#include "task.h"
#include "file.h"

#include "process.bpf.c"
#include "cgroup.bpf.c"
#include "calls.bpf.c"
#include "privilege.bpf.c"
#include "dns.bpf.c"
#include "enforce.bpf.c"
#include "hooks.bpf.c"
#include "synthetic.bpf.c"
#include "agreed.h"
