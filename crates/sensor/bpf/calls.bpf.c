/* SPDX-License-Identifier: GPL-2.0
 * System calls, when they return. Which are taken, and what of each, is
 * said by the table `calls`, which the loader fills; here is only how.
 */

#define AT_FDCWD -100
#define O_WRITES (01 | 02 | 0100 | 01000) /* WRONLY, RDWR, CREAT, TRUNC */
#define EACCES 13
#define EPERM 1
#define PF_IO_WORKER 0x10
#define MAX_ERRNO 4095

/* A `struct sockaddr` as a program passed it, with room for the longest. */
struct given {
	u8 bytes[112];
};
#define GIVEN_FAMILY(it) (*(u16 *)(it)->bytes)
#define GIVEN_PORT(it) bpf_ntohs(*(u16 *)((it)->bytes + 2))
#define GIVEN_IP4(it) (*(u32 *)((it)->bytes + 4))
#define GIVEN_IP6(it) ((it)->bytes + 8)
#define GIVEN_PATH(it) ((it)->bytes + 2)

/* The beginning of a `struct msghdr` of a 64-bit program. */
struct user_message {
	u64 name;
	u32 name_length;
};

/* Names up to this long are in the dentry itself. */
#define SHORT_NAME 31

/* The first eight bytes of a name, cleared behind its end. */
static __always_inline u64 beginning_of(struct dentry *dentry)
{
	u32 length = dentry->d_name.len;
	u64 begin = 0;
	if (length > SHORT_NAME) {
		bpf_probe_read_kernel(&begin, sizeof(begin), dentry->d_name.name);
		return begin;
	}
	if (bpf_core_field_exists(dentry->d_shortname))
		begin = dentry->d_shortname.words[0];
	else
		begin = ((struct dentry___before_6_14 *)dentry)->d_iname[0];
	return length < 8 ? begin & ((1ull << length * 8) - 1) : begin;
}

static __always_inline bool may_be_sensitive(struct control *control, u64 begin)
{
	u32 bit = begin * SKETCH_FACTOR >> (64 - SKETCH_BITS);
	return control->sketch[bit >> 6 & (SKETCH / 64 - 1)] >> (bit & 63) & 1;
}

static __always_inline bool name_is_sensitive(struct control *control, const unsigned char *from,
					      u8 as)
{
	struct name name = {};
	bpf_probe_read_kernel_str(name.bytes, sizeof(name.bytes), from);
	if (!may_be_sensitive(control, *(u64 *)name.bytes))
		return false;
	u8 *found = bpf_map_lookup_elem(&sensitive, &name);
	return found && (*found & as);
}

/* Who is in the host's own mount namespace leaves nothing by looking into
 * another. */
static __always_inline bool is_of_host(struct task_struct *task)
{
	return task->nsproxy->mnt_ns->ns.inum == host_mounts;
}

/* Whether a container's process reached a file that its own mounts do not
 * show: through another process, `/proc/1/root/etc/shadow`, which is how one
 * leaves a container. What has no place in any tree, as a pipe, is not
 * meant. */
static __always_inline bool is_elsewhere(struct task_struct *task, struct mnt_namespace *where)
{
	u64 other = (u64)where;
	return other && other < (u64)-MAX_ERRNO && other != (u64)task->nsproxy->mnt_ns;
}

/* Whether reading a file that was opened is worth telling. */
static __always_inline bool file_is_wanted(struct task_struct *task, u32 number,
					   struct control *control)
{
	/* A number that was just given is within the table, which never shrinks. */
	u64 table = (u64)task->files->fdt->fd;
	struct list_head *at = CAST(list_head, table + (u64)number * sizeof(void *));
	struct file *file = CAST(file, at->next);
	if ((file->f_inode->i_mode & S_IFMT) == S_IFBLK)
		return true;
	if (!is_of_host(task)) {
		u64 on = (u64)file->f_path.mnt - bpf_core_field_offset(struct mount, mnt);
		if (is_elsewhere(task, CAST(mount, on)->mnt_ns))
			return true;
	}
	struct dentry *dentry = file->f_path.dentry;
	if (may_be_sensitive(control, beginning_of(dentry)) &&
	    name_is_sensitive(control, dentry->d_name.name, NAME_OF_FILE))
		return true;
	struct dentry *folder = dentry->d_parent;
	return control->folders && may_be_sensitive(control, beginning_of(folder)) &&
	       name_is_sensitive(control, folder->d_name.name, NAME_OF_FOLDER);
}

/* The same where types cannot be said. */
static __always_inline bool file_is_wanted_by_calls(struct task_struct *task, u32 number,
						    struct control *control)
{
	struct file *file = file_of(task, number);
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFBLK)
		return true;
	if (!is_of_host(task)) {
		u64 on = (u64)BPF_CORE_READ(file, f_path.mnt);
		struct mount *mount = (void *)(on - bpf_core_field_offset(struct mount, mnt));
		if (is_elsewhere(task, BPF_CORE_READ(mount, mnt_ns)))
			return true;
	}
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	return name_is_sensitive(control, BPF_CORE_READ(dentry, d_name.name), NAME_OF_FILE) ||
	       (control->folders &&
		name_is_sensitive(control, BPF_CORE_READ(dentry, d_parent, d_name.name),
				  NAME_OF_FOLDER));
}

/* Whether an open is worth telling; most are not. */
static __always_inline bool open_is_wanted(struct task_struct *task, u64 flags, long result,
					   struct control *control)
{
	if (control->opens == 3)
		return true;
	if (control->opens == 0)
		return false;
	if (flags & O_WRITES)
		return true;
	if (result < 0)
		return result == -EACCES || result == -EPERM;
	if (control->opens == 1)
		return false;
	return can_cast ? file_is_wanted(task, result, control) :
			  file_is_wanted_by_calls(task, result, control);
}

/* Not signal 0, and none of the everyday ones. */
static __always_inline bool signal_is_wanted(u64 signal)
{
	return signal == 9 || signal == 15 || signal == 19 || signal == 2 || signal == 3 ||
	       signal == 6;
}

static __always_inline bool is_wanted(struct task_struct *task, const volatile struct call_rule *rule,
				      u64 *arguments, long result, struct control *control)
{
	switch (rule->filter) {
	case FILTER_OPEN:
		return open_is_wanted(task, arguments[2], result, control);
	case FILTER_OPEN_OLD:
		return open_is_wanted(task, arguments[1], result, control);
	case FILTER_CREAT:
		return open_is_wanted(task, O_WRITES, result, control);
	case FILTER_OPEN2: {
		u64 flags = 0;
		bpf_probe_read_user(&flags, sizeof(flags), (void *)arguments[2]);
		arguments[2] = flags;
		return open_is_wanted(task, flags, result, control);
	}
	case FILTER_PTRACE:
		/* Begun, attached, written to; not each look of a debugger. */
		return arguments[0] == 0 || (arguments[0] >= 4 && arguments[0] <= 6) ||
		       arguments[0] == 13 || arguments[0] == 16 || arguments[0] == 0x4205 ||
		       arguments[0] == 0x4206;
	case FILTER_PRCTL:
		/* The name, and filters of system calls. */
		return arguments[0] == 15 || arguments[0] == 22;
	case FILTER_KILL:
		return signal_is_wanted(arguments[1]);
	case FILTER_TGKILL:
		return signal_is_wanted(arguments[2]);
	case FILTER_DUP:
		return result >= 0 && result <= 2;
	case FILTER_BPF:
		/* Programs loaded or attached, not each look into a map. */
		return arguments[0] == 5 || arguments[0] == 8 || arguments[0] == 17 ||
		       arguments[0] == 28;
	case FILTER_SUCCESS:
		return result >= 0;
	case FILTER_SOCKET:
		/* Raw ones, and of families out of the ordinary. */
		return arguments[0] != 1 && arguments[0] != 16 &&
		       ((arguments[0] != 2 && arguments[0] != 10) || (arguments[1] & 15) == 3);
	}
	return true;
}

static __always_inline void write_local(struct socket_section *to, struct sock *sk, u16 family)
{
	to->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (family == AF_INET) {
		u32 address = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(u32 *)to->local = address;
	} else {
		bpf_core_read(to->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	}
	to->flags |= HAS_LOCAL;
}

static __always_inline void write_remote(struct socket_section *to, struct sock *sk, u16 family)
{
	u16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	if (!port)
		return;
	to->remote_port = bpf_ntohs(port);
	if (family == AF_INET) {
		u32 address = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		*(u32 *)to->remote = address;
	} else {
		bpf_core_read(to->remote, 16, &sk->__sk_common.skc_v6_daddr);
	}
	to->flags |= HAS_REMOTE;
}

static __always_inline void add_unix_name(struct scratch *it, struct sock *sk)
{
	struct unix_sock *unix = (void *)sk;
	struct unix_address *address = BPF_CORE_READ(unix, addr);
	if (!address)
		return;
	u32 length = BPF_CORE_READ(address, len);
	u8 *at = section(it);
	if (!at || length <= 2)
		return;
	length -= 2;
	if (length > 108)
		length = 108;
	asm volatile("" : "+r"(length));
	length &= 127;
	if (bpf_probe_read_kernel(at + 8, length, FIELD_OF(address, struct unix_address, name) + 2) == 0)
		close_section(it, at, UNIX, length);
}

static __always_inline void read_given(struct given *to, u64 from, u64 length)
{
	if (!from || length < 2)
		return;
	u32 taken = length > 110 ? 110 : length;
	asm volatile("" : "+r"(taken));
	taken &= 127;
	if (taken > sizeof(to->bytes))
		return;
	bpf_probe_read_user(to->bytes, taken, (void *)from);
}

static __always_inline void write_given(struct socket_section *to, struct given *given, u16 family)
{
	u16 of = GIVEN_FAMILY(given);
	if (of == AF_INET) {
		__builtin_memset(to->remote, 0, 16);
		if (family == AF_INET6) {
			/* As the socket sees it: mapped. */
			to->remote[10] = 0xff;
			to->remote[11] = 0xff;
			*(u32 *)(to->remote + 12) = GIVEN_IP4(given);
		} else {
			*(u32 *)to->remote = GIVEN_IP4(given);
		}
	} else if (of == AF_INET6) {
		__builtin_memcpy(to->remote, GIVEN_IP6(given), 16);
	} else {
		return;
	}
	to->remote_port = GIVEN_PORT(given);
	to->flags |= HAS_REMOTE;
}

/* `address` is where the caller wrote the other end, of `length` bytes;
 * 0 where it did not. */
static __always_inline void add_socket(struct scratch *it, struct sock *sk, u64 address, u64 length,
				       bool is_server)
{
	struct given given = {};
	read_given(&given, address, length);
	u8 *at = section(it);
	if (!at)
		return;
	struct socket_section *to = (void *)(at + 8);
	__builtin_memset(to, 0, sizeof(*to));
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	to->family = family;
	to->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (is_server)
		to->flags = IS_SERVER;
	if (family == AF_INET || family == AF_INET6) {
		write_local(to, sk, family);
		write_remote(to, sk, family);
		write_given(to, &given, family);
	}
	close_section(it, at, SOCKET, sizeof(*to));
	if (family != AF_UNIX)
		return;
	if (length <= 2 || GIVEN_FAMILY(&given) != AF_UNIX) {
		add_unix_name(it, sk);
		return;
	}
	at = section(it);
	if (!at)
		return;
	bpf_probe_read_kernel(at + 8, 108, GIVEN_PATH(&given));
	close_section(it, at, UNIX, length > 110 ? 108 : length - 2);
}

static __always_inline u64 argument(struct call_body *call, u32 place)
{
	u32 index = (place - 1) & 7;
	asm volatile("" : "+r"(index));
	index &= 7;
	/* 6 and 7 are bytes behind the body, which do no harm. */
	return call->arguments[index];
}

#define WORKING_FOLDER 7

/* The folder a relative path begins from. */
static __always_inline void add_folder(struct scratch *it, u32 slot, u32 name,
				       struct task_struct *task, struct call_body *call, u32 place,
				       u64 path)
{
	char first = 0;
	bpf_probe_read_user(&first, 1, (void *)path);
	if (first == '/' || !place)
		return;
	s32 number = AT_FDCWD;
	if (place != WORKING_FOLDER)
		number = argument(call, place);
	if (number == AT_FDCWD) {
		struct fs_struct *fs = task->fs;
		add_path(it, slot, name, BPF_CORE_READ(fs, pwd.dentry), BPF_CORE_READ(fs, pwd.mnt));
		return;
	}
	struct file *file = file_of(task, number);
	if (file)
		add_path_of(it, slot, name, file);
}

/* Datagrams have no connect: the first to each place is told, and again
 * when half a minute passed. */
static __always_inline bool datagram_is_wanted(struct task_struct *task, struct file *file,
					       u64 address, u64 length)
{
	struct sock *sk = sock_of(file);
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u16 type = BPF_CORE_READ(sk, sk_type);
	if ((family != AF_INET && family != AF_INET6) || (type != 2 && type != 3))
		return false;
	struct recent key = { .pid = task->tgid, .what = 1 };
	struct given given = {};
	read_given(&given, address, length);
	if (GIVEN_FAMILY(&given) == AF_INET) {
		*(u32 *)key.address = GIVEN_IP4(&given);
		key.port = GIVEN_PORT(&given);
	} else if (GIVEN_FAMILY(&given) == AF_INET6) {
		__builtin_memcpy(key.address, GIVEN_IP6(&given), 16);
		key.port = GIVEN_PORT(&given);
	} else {
		u32 remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		*(u32 *)key.address = remote;
		if (family == AF_INET6)
			bpf_core_read(key.address, 16, &sk->__sk_common.skc_v6_daddr);
		key.port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	}
	return !told_lately(&key);
}

/* Apart from what sees most calls off, which is so few instructions that they
 * stay in the processor's cache. */
static __noinline int call(struct task_struct *task, struct pt_regs *regs, long result,
			   const volatile struct call_rule *rule, bool compat)
{
	u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&control_map, &zero);
	u32 class = rule->class;
	if (!control || !(control->classes & (1u << (class & 31))))
		return 0;
	struct counters *counters = count(class);
	if (!counters)
		return 0;
	counters->seen++;
	u64 arguments[6] = {};
	call_arguments(regs, compat, arguments);
	if (is_own(task) || !is_wanted(task, rule, arguments, result, control)) {
		counters->filtered++;
		return 0;
	}
	u32 flags = rule->flags;
	s64 number = -1;
	if (flags & RETURNS_DESCRIPTOR)
		number = result;
	else if (rule->descriptor == 1)
		number = (s32)arguments[0];
	else if (rule->descriptor == 2)
		number = (s32)arguments[1];
	struct file *file = number >= 0 ? file_of(task, number) : NULL;
	u64 address = 0, length = 0;
	if (rule->address == 2) {
		address = arguments[1];
		length = (u32)arguments[2];
	} else if (rule->address == 5) {
		address = arguments[4];
		length = (u32)arguments[5];
	} else if (flags & ADDRESS_IN_MESSAGE) {
		struct user_message message = {};
		bpf_probe_read_user(&message, sizeof(message), (void *)arguments[1]);
		address = message.name;
		length = message.name_length;
	}
	u8 descriptor = descriptor_of(file);
	bool is_socket = descriptor >= D_IPV4 && descriptor <= D_UNIX;
	if ((rule->filter == FILTER_DATAGRAM &&
	     (!is_socket || !datagram_is_wanted(task, file, address, length))) ||
	    (rule->filter == FILTER_DUP && !is_socket && descriptor != D_PIPE)) {
		counters->filtered++;
		return 0;
	}
	if (!(flags & IS_CRITICAL) && !may_send(task)) {
		counters->suppressed++;
		return 0;
	}
	u32 slot;
	struct scratch *it = open_record(&slot, task, CALL, class);
	if (!it)
		return 0;
	struct call_body *to = body(it, sizeof(*to));
	to->kind = rule->kind;
	to->via = SYSTEM_CALL;
	to->descriptor = descriptor;
	to->result = result;
	to->arguments[0] = arguments[0];
	to->arguments[1] = arguments[1];
	to->arguments[2] = arguments[2];
	to->arguments[3] = arguments[3];
	to->arguments[4] = arguments[4];
	to->arguments[5] = arguments[5];
	to->target = 0;
	/* Numbers of another namespace would name a stranger. */
	if (rule->target && BPF_CORE_READ(task, thread_pid, level) == 0)
		to->target = argument(to, rule->target);
	if (is_socket) {
		add_socket(it, sock_of(file), address, length, flags & FOR_SERVER);
	} else if (file) {
		add_file(it, file, file_flags(file));
		add_path_of(it, slot, RESOLVED, file);
	}
	if (rule->path) {
		u64 path = argument(to, rule->path);
		add_user_text(it, PATH, path);
		if (!file)
			add_folder(it, slot, FOLDER, task, to, rule->folder, path);
	}
	if (rule->second) {
		u64 path = argument(to, rule->second);
		add_user_text(it, SECOND, path);
		add_folder(it, slot, SECOND_FOLDER, task, to, rule->second_folder, path);
	}
	if (flags & TAKES_WORKING_FOLDER) {
		struct fs_struct *fs = task->fs;
		add_path(it, slot, RESOLVED, BPF_CORE_READ(fs, pwd.dentry),
			 BPF_CORE_READ(fs, pwd.mnt));
	}
	if (flags & DATA_IS_TEXT)
		add_user_text(it, DATA, argument(to, rule->data));
	if (flags & TAKES_CREDENTIALS)
		add_credentials(it, task);
	if (!(flags & IS_CRITICAL))
		send_bulk(it, class);
	else if (class == CLASS_PROCESS)
		send_quiet(it, class);
	else
		send_critical(it, class);
	return 0;
}

/* Most of what is asked of a kernel that is told at all is to read files
 * nobody cares about: those are seen off before anything else is looked at. */
static __always_inline bool is_dull(struct task_struct *task, struct pt_regs *regs, long result,
				    const volatile struct call_rule *rule)
{
	u32 zero = 0;
	if (rule->filter != FILTER_OPEN || result < 0 || third_argument(regs) & O_WRITES)
		return false;
	struct control *control = bpf_map_lookup_elem(&control_map, &zero);
	if (!control || control->opens != 2 || !(control->classes & (1u << CLASS_FILE)))
		return false;
	if (file_is_wanted(task, result, control))
		return false;
	struct counters *counters = count(CLASS_FILE);
	if (!counters)
		return false;
	counters->seen++;
	counters->filtered++;
	return true;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_returned, struct pt_regs *regs, long result)
{
	u32 number = call_number(regs);
	/* Most calls are told of nobody: no more is asked about them. */
	if (number >= CALLS || !(calls[number].kind | calls[number + CALLS].kind))
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	bool compat = is_compat(task);
	if (compat)
		number += CALLS;
	const volatile struct call_rule *rule = &calls[number];
	if (!rule->kind || (can_cast && !compat && is_dull(task, regs, result, rule)))
		return 0;
	return call(task, regs, result, rule, compat);
}
