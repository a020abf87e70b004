/* SPDX-License-Identifier: GPL-2.0
 * What all programs share: settings, counters, rings, scratch space.
 */
#pragma once

char LICENSE[] SEC("license") = "GPL";

#define CALLS 512
#define SKETCH_BITS 13
#define SKETCH (1 << SKETCH_BITS)
#define SKETCH_FACTOR 0x9e3779b97f4a7c15ull
#define PATH_ROOM 1024
#define DATA_ROOM 4096
#define RECORD_ROOM 8192
#define PACKET_ROOM 512

/* Settings that stay as they were when the programs were loaded. */
const volatile u32 own_pid = 0;
/* Bulk records a control group may send a second; 0 is any number. */
const volatile u32 bulk_rate = 0;
/* The number of the host's own mount namespace; 0 where it is not known. */
const volatile u32 host_mounts = 0;
const volatile u8 can_cast = 0;
const volatile u32 bulk_wakeup = 256 << 10;
const volatile u32 quiet_wakeup = 64 << 10;
/* 64-bit programs first, then 32-bit ones. */
/* Kinds of calls that no table names. */
const volatile u16 kind_kill = 0;
const volatile u16 kind_io_uring = 0;
const volatile u16 kind_openat = 0;
const volatile u16 kind_connect = 0;
const volatile struct call_rule calls[2 * CALLS] = {};

/* Settings that may change. */
struct control {
	/* A bit for each class that is looked at. */
	u32 classes;
	/* 0 none, 1 that write, 2 and sensitive names, 3 all */
	u32 opens;
	/* Whether there are sensitive folders. */
	u32 folders;
	/* Whether hooks see what io_uring does. */
	u32 hooks;
	/* A bit for the first eight bytes of each sensitive name: most names
	 * are known not to be among them without a search. */
	u64 sketch[SKETCH / 64];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct control);
} control_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} critical SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} bulk SEC(".maps");

/* Set by the reader before it sleeps until it is woken; else it looks by
 * itself every few milliseconds. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} asleep_map SEC(".maps");

struct counters {
	u64 seen, filtered, suppressed, sent, dropped;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, u32);
	__type(value, struct counters);
} counters_map SEC(".maps");

/* The first bytes of a file's or a folder's name. */
struct name {
	char bytes[16];
};
enum { NAME_OF_FILE = 1, NAME_OF_FOLDER = 2 };
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct name);
	__type(value, u8);
} sensitive SEC(".maps");

/* How much a control group may still send. */
struct bucket {
	u64 time, left, suppressed;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct bucket);
} buckets SEC(".maps");

/* What was told lately, so that it is not told again at once. */
struct recent {
	u32 pid;
	u16 what, port;
	u8 address[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct recent);
	__type(value, u64);
} recently SEC(".maps");

/* Processes nobody should end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u8);
} protected SEC(".maps");

static __always_inline struct counters *count(u32 class)
{
	return bpf_map_lookup_elem(&counters_map, &class);
}

static __always_inline void count_seen(u32 class)
{
	struct counters *counters = count(class);
	if (counters)
		counters->seen++;
}

static __always_inline bool is_on(u32 class)
{
	u32 zero = 0;
	struct control *it = bpf_map_lookup_elem(&control_map, &zero);
	return it && (it->classes & (1u << class));
}

/* Where something is forbidden: a mount namespace or a control group. */
enum space { UNIFIED = 0, LEGACY = 1, MOUNT_NAMESPACE = 2 };
struct place {
	u64 id;
	u64 space;
};
/* What is forbidden there: a bit to say so, the next to also stop it. */
enum forbidden {
	TELL_DRIFT = 1,
	STOP_DRIFT = 2,
	TELL_ADDRESS = 4,
	STOP_ADDRESS = 8,
	TELL_SETTING = 16,
	STOP_SETTING = 32,
	TELL_FILE = 64,
	STOP_FILE = 128,
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct place);
	__type(value, u32);
} places SEC(".maps");

/* Files somebody judged: as long as they were not changed since. */
struct file_key {
	u64 inode;
	u64 device;
};
enum { ALLOWED = 1, FORBIDDEN = 2 };
struct file_mark {
	s64 changed;
	u64 mark;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct file_key);
	__type(value, struct file_mark);
} marks SEC(".maps");

/* Addresses that are forbidden in places; IPv4 ones mapped. */
struct address {
	u8 bytes[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, u8);
} forbidden_addresses SEC(".maps");
/* Kernel settings, as below /proc/sys, and files, by their last name. */
struct setting {
	char name[32];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct setting);
	__type(value, u8);
} forbidden_settings SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct name);
	__type(value, u8);
} forbidden_files SEC(".maps");

#define AGAIN_AFTER 30000000000ull

static __always_inline bool told_lately(struct recent *what)
{
	u64 now = bpf_ktime_get_boot_ns();
	u64 *last = bpf_map_lookup_elem(&recently, what);
	if (last && now - *last < AGAIN_AFTER)
		return true;
	bpf_map_update_elem(&recently, what, &now, BPF_ANY);
	return false;
}
