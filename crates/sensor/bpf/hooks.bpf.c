/* SPDX-License-Identifier: GPL-2.0
 * What hooks of the security framework add, where the kernel lets programs
 * be attached to them: to refuse, and to see what is done without a system
 * call of its own.
 */

#define IO_URING_ENTER 426

/* The work of io_uring is done by threads of its own, or within the call
 * that hands it over. */
static __always_inline bool is_by_io_uring(struct task_struct *task)
{
	if (task->flags & PF_IO_WORKER)
		return true;
	if (!task->io_uring)
		return false;
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	return call_number(regs) == IO_URING_ENTER;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(hook_exec, struct linux_binprm *binary, int before)
{
	if (before)
		return before;
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = binary->file;
	u32 flags = file_flags(file);
	u32 what = judge_program(task, file, flags);
	if (!(what & STOP_DRIFT))
		return 0; /* told when it runs */
	tell_program(task, file, flags, binary->filename, REFUSED);
	return -EPERM;
}

#define FMODE_WRITE 2
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define CGROUP2_SUPER_MAGIC 0x63677270

static __always_inline bool file_is_forbidden(struct task_struct *task, struct file *file, u32 *what)
{
	/* Only the kernel's own files: anything may be called modprobe. */
	u64 magic = BPF_CORE_READ(file, f_inode, i_sb, s_magic);
	if (magic != PROC_SUPER_MAGIC && magic != SYSFS_MAGIC && magic != CGROUP_SUPER_MAGIC &&
	    magic != CGROUP2_SUPER_MAGIC)
		return false;
	struct name name = {};
	const unsigned char *from = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(name.bytes, sizeof(name.bytes), from);
	if (!bpf_map_lookup_elem(&forbidden_files, &name))
		return false;
	*what = what_is_forbidden(task) & (TELL_FILE | STOP_FILE);
	return *what != 0;
}

SEC("lsm/file_open")
int BPF_PROG(hook_open, struct file *file, int before)
{
	if (before)
		return before;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 mode = file->f_mode;
	u32 what = 0;
	if ((mode & FMODE_WRITE) && file_is_forbidden(task, file, &what)) {
		u32 slot;
		struct scratch *it = begin_verdict(&slot, task, FILE_DENIED,
						   what & STOP_FILE ? REFUSED : WOULD_STOP);
		if (it) {
			add_file(it, file, file_flags(file));
			add_path_of(it, slot, RESOLVED, file);
			send_critical(it, CLASS_VERDICT);
		}
		if (what & STOP_FILE)
			return -EPERM;
	}
	if (!is_by_io_uring(task) || !is_on(CLASS_FILE))
		return 0;
	struct counters *counters = count(CLASS_FILE);
	if (!counters)
		return 0;
	counters->seen++;
	if (is_own(task)) {
		counters->filtered++;
		return 0;
	}
	if (!may_send(task)) {
		counters->suppressed++;
		return 0;
	}
	u32 slot;
	struct scratch *it = begin_call(&slot, task, CLASS_FILE, kind_openat, IO_URING);
	if (!it)
		return 0;
	struct call_body *to = (void *)(it->data + sizeof(struct head));
	to->descriptor = descriptor_of(file);
	to->arguments[0] = (s64)AT_FDCWD;
	to->arguments[2] = file->f_flags;
	add_file(it, file, file_flags(file));
	add_path_of(it, slot, RESOLVED, file);
	send_critical(it, CLASS_FILE);
	return 0;
}

SEC("lsm/socket_connect")
int BPF_PROG(hook_connect, struct socket *socket, struct sockaddr *address, int length, int before)
{
	if (before)
		return before;
	struct task_struct *task = bpf_get_current_task_btf();
	if (!is_by_io_uring(task) || !is_on(CLASS_NETWORK) || is_own(task))
		return 0;
	struct counters *counters = count(CLASS_NETWORK);
	if (!counters)
		return 0;
	counters->seen++;
	if (!may_send(task)) {
		counters->suppressed++;
		return 0;
	}
	struct given given = {};
	bpf_probe_read_kernel(given.bytes, 28, address);
	u16 family = GIVEN_FAMILY(&given);
	u32 slot;
	struct scratch *it = begin_call(&slot, task, CLASS_NETWORK, kind_connect, IO_URING);
	if (!it)
		return 0;
	struct call_body *to = (void *)(it->data + sizeof(struct head));
	to->descriptor = family == AF_INET6 ? D_IPV6 : family == AF_INET ? D_IPV4 : D_UNIX;
	u8 *at = section(it);
	if (at) {
		struct socket_section *section = (void *)(at + 8);
		__builtin_memset(section, 0, sizeof(*section));
		/* Read, not followed: new verifiers know it may be none. */
		struct sock *sk = BPF_CORE_READ(socket, sk);
		section->family = family;
		section->protocol = BPF_CORE_READ(sk, sk_protocol);
		write_given(section, &given, family);
		close_section(it, at, SOCKET, sizeof(*section));
	}
	send_critical(it, CLASS_NETWORK);
	return 0;
}
