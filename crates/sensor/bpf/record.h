/* SPDX-License-Identifier: GPL-2.0
 * What a record looks like: a head, a body by type, then sections. The
 * other side is src/kernel/layout.rs; a test compares both.
 */
#pragma once

enum type {
	FORK = 1,
	EXEC = 2,
	EXIT = 3,
	CGROUP_MADE = 4,
	CGROUP_REMOVED = 5,
	CGROUP_JOINED = 6,
	CALL = 7,
	DNS = 8,
	VERDICT = 9,
};

enum class {
	CLASS_PROCESS = 0,
	CLASS_CGROUP = 1,
	CLASS_FILE = 2,
	CLASS_NETWORK = 3,
	CLASS_DNS = 4,
	CLASS_PRIVILEGE = 5,
	CLASS_VERDICT = 6,
	CLASS_SYNTHETIC = 7,
	CLASSES = 8,
};

struct head {
	u8 type, class;
	u16 cpu;
	u32 pid;
	u32 tid, parent;
	u32 uid, gid;
	u64 time;
	u64 started;
	u64 unified, legacy;
	u32 mount_namespace, pid_namespace;
	char name[16];
};

struct fork_body {
	u32 pid, virtual_pid;
	u64 started;
};
struct exec_body {
	u32 virtual_pid, session, group, terminal, login_uid;
	u8 stdio[3];
	u8 are_arguments_cut;
};
struct exit_body {
	s32 code;
	u32 unused;
};
struct group_body {
	u64 id;
	u32 hierarchy, pid;
};
struct call_body {
	u16 kind;
	u8 via;
	u8 descriptor;
	u32 target;
	s64 result;
	u64 arguments[6];
};
struct dns_body {
	u8 is_answer, family;
	u16 port;
	u32 unused;
	u8 address[16];
};
struct verdict_body {
	u8 matter, outcome;
	u8 family, unused;
	u16 port, unused_too;
	u8 address[16];
};

enum section {
	PATH = 1,
	RESOLVED = 2,
	ARGUMENTS = 3,
	ENVIRONMENT = 4,
	SECOND = 5,
	FOLDER = 6,
	SECOND_FOLDER = 7,
	FILE = 8,
	CREDENTIALS = 9,
	SOCKET = 10,
	UNIX = 11,
	DATA = 12,
};

/* Before each section; the next begins at a multiple of eight. */
struct section_head {
	u16 section, length;
	u32 unused;
};

enum file_flag { IS_OVERLAY = 1, IS_UPPER = 2, IS_UNLINKED = 4, IS_MEMFD = 8 };
struct file_section {
	u64 inode, magic, size;
	s64 modified, changed;
	u32 major, minor;
	u32 mode, flags;
};
struct credentials_section {
	u32 uid, gid, effective_uid, effective_gid;
	u64 permitted, inheritable, effective;
};
enum socket_flag { IS_SERVER = 1, HAS_LOCAL = 2, HAS_REMOTE = 4 };
struct socket_section {
	u8 family, protocol, flags, unused;
	u16 local_port, remote_port;
	u8 local[16], remote[16];
};

/* What a descriptor stands for; 0 is nothing known. */
enum descriptor {
	D_FILE = 1,
	D_DIRECTORY = 2,
	D_IPV4 = 3,
	D_IPV6 = 4,
	D_UNIX = 5,
	D_PIPE = 6,
	D_EVENT = 7,
	D_SIGNAL = 8,
	D_EVENTPOLL = 9,
	D_INOTIFY = 10,
	D_TIMER = 11,
	D_MEMFD = 12,
	D_BPF = 13,
	D_NETLINK = 14,
	D_UNKNOWN = 15,
};

enum via { SYSTEM_CALL = 0, IO_URING = 1 };
enum matter { DRIFT = 1, CONNECT = 2, SYSCTL = 3, FILE_DENIED = 4 };
enum outcome { WOULD_STOP = 1, REFUSED = 2, KILLED = 3 };

/* What is taken of a system call, by its number. Places of arguments
 * count from 1, 0 is none. */
struct call_rule {
	u16 kind;
	u8 class;
	u8 filter;
	u8 path, folder, second, second_folder;
	u8 descriptor, address, data, target;
	u16 flags;
	u16 unused;
};
enum call_flag {
	/* The descriptor is what the call returned. */
	RETURNS_DESCRIPTOR = 1,
	/* Credentials afterwards are sent. */
	TAKES_CREDENTIALS = 2,
	/* The socket is the end that waited. */
	FOR_SERVER = 4,
	/* Goes through the ring that is never crowded. */
	IS_CRITICAL = 8,
	/* The working folder afterwards is sent as what was resolved. */
	TAKES_WORKING_FOLDER = 16,
	/* Data is a text. */
	DATA_IS_TEXT = 32,
	/* The address is in a `struct msghdr`. */
	ADDRESS_IN_MESSAGE = 64,
};
enum call_filter {
	FILTER_NONE = 0,
	FILTER_OPEN = 1,
	FILTER_OPEN2 = 2,
	FILTER_CREAT = 3,
	FILTER_PTRACE = 4,
	FILTER_PRCTL = 5,
	FILTER_KILL = 6,
	FILTER_DUP = 7,
	FILTER_BPF = 8,
	FILTER_DATAGRAM = 9,
	FILTER_SUCCESS = 10,
	FILTER_SOCKET = 12,
	FILTER_OPEN_OLD = 13,
	FILTER_TGKILL = 14,
};
