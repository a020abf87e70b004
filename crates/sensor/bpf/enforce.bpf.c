/* SPDX-License-Identifier: GPL-2.0
 * What is forbidden, and stopped: programs that are not in the image,
 * addresses, kernel settings. None of this needs hooks of the security
 * framework; what has them is in hooks.bpf.c.
 */

#define SIGKILL 9
#define ANCESTORS 4

static __always_inline u32 forbidden_at(u64 id, u32 space)
{
	struct place place = { .id = id, .space = space };
	u32 *found = bpf_map_lookup_elem(&places, &place);
	return found ? *found : 0;
}

/* A container may make control groups below its own. */
static __always_inline u32 forbidden_in(struct cgroup *group, u32 space)
{
	for (int i = 0; i < ANCESTORS; i++) {
		u64 id = BPF_CORE_READ(group, kn, id);
		if (!id)
			break;
		u32 found = forbidden_at(id, space);
		if (found)
			return found;
		struct cgroup_subsys_state *up = BPF_CORE_READ(group, self.parent);
		if (!up)
			break;
		group = BPF_CORE_READ(up, cgroup);
	}
	return 0;
}

static __always_inline u32 what_is_forbidden(struct task_struct *task)
{
	u32 found = forbidden_at(BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum), MOUNT_NAMESPACE);
	if (found)
		return found;
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	found = forbidden_in(BPF_CORE_READ(set, dfl_cgrp), UNIFIED);
	if (found)
		return found;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		return 0;
	u32 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	struct cgroup_subsys_state *state = NULL;
	bpf_core_read(&state, sizeof(state), &set->subsys[index]);
	struct cgroup *group = BPF_CORE_READ(state, cgroup);
	if (!BPF_CORE_READ(group, root, hierarchy_id))
		return 0;
	return forbidden_in(group, LEGACY);
}

static __always_inline u32 mark_of(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct file_key key = { .inode = BPF_CORE_READ(inode, i_ino),
				.device = BPF_CORE_READ(inode, i_sb, s_dev) };
	struct file_mark *mark = bpf_map_lookup_elem(&marks, &key);
	if (!mark)
		return 0;
	if (mark->changed && mark->changed != changed_at(inode))
		return 0;
	return mark->mark;
}

/* Bits of `enum forbidden` that say what is to be done about running this
 * file. */
static __always_inline u32 judge_program(struct task_struct *task, struct file *file, u32 flags)
{
	u32 mark = mark_of(file);
	if (mark == FORBIDDEN)
		return TELL_DRIFT | STOP_DRIFT;
	if (mark == ALLOWED || !(flags & (IS_UPPER | IS_UNLINKED)))
		return 0;
	return what_is_forbidden(task) & (TELL_DRIFT | STOP_DRIFT);
}

static __always_inline struct scratch *begin_verdict(u32 *slot, struct task_struct *task,
						     u8 matter, u8 outcome)
{
	count_seen(CLASS_VERDICT);
	struct scratch *it = open_record(slot, task, VERDICT, CLASS_VERDICT);
	if (!it)
		return NULL;
	struct verdict_body *to = body(it, sizeof(*to));
	__builtin_memset(to, 0, sizeof(*to));
	to->matter = matter;
	to->outcome = outcome;
	return it;
}

static __always_inline void tell_program(struct task_struct *task, struct file *file, u32 flags,
					 const char *path, u8 outcome)
{
	u32 slot;
	struct scratch *it = begin_verdict(&slot, task, DRIFT, outcome);
	if (!it)
		return;
	add_file(it, file, flags);
	add_path_of(it, slot, RESOLVED, file);
	add_kernel_text(it, PATH, path);
	send_critical(it, CLASS_VERDICT);
}

/* Where nothing may refuse: the process is ended before its first
 * instruction, on its way back from the kernel. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(drift_killed, struct task_struct *task, pid_t old, struct linux_binprm *binary)
{
	struct file *file = binary->file;
	u32 flags = file_flags(file);
	u32 what = judge_program(task, file, flags);
	if (!what)
		return 0;
	u8 outcome = WOULD_STOP;
	if (what & STOP_DRIFT) {
		bpf_send_signal(SIGKILL);
		outcome = KILLED;
	}
	tell_program(task, file, flags, binary->filename, outcome);
	return 0;
}

static __always_inline int address_may_be_used(struct address *address, u8 family, u16 port)
{
	if (!bpf_map_lookup_elem(&forbidden_addresses, address))
		return 1;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 what = what_is_forbidden(task) & (TELL_ADDRESS | STOP_ADDRESS);
	if (!what)
		return 1;
	u32 slot;
	struct scratch *it =
		begin_verdict(&slot, task, CONNECT, what & STOP_ADDRESS ? REFUSED : WOULD_STOP);
	if (it) {
		struct verdict_body *to = (void *)(it->data + sizeof(struct head));
		/* Mapped ones are told as what they are. */
		to->family = AF_INET6;
		to->port = port;
		__builtin_memcpy(to->address, address->bytes, 16);
		send_critical(it, CLASS_VERDICT);
	}
	return what & STOP_ADDRESS ? 0 : 1;
}

static __always_inline int address4(struct bpf_sock_addr *it)
{
	struct address address = {};
	address.bytes[10] = 0xff;
	address.bytes[11] = 0xff;
	*(u32 *)(address.bytes + 12) = it->user_ip4;
	return address_may_be_used(&address, AF_INET, bpf_ntohs(it->user_port));
}

static __always_inline int address6(struct bpf_sock_addr *it)
{
	struct address address = {};
	*(u32 *)(address.bytes + 0) = it->user_ip6[0];
	*(u32 *)(address.bytes + 4) = it->user_ip6[1];
	*(u32 *)(address.bytes + 8) = it->user_ip6[2];
	*(u32 *)(address.bytes + 12) = it->user_ip6[3];
	return address_may_be_used(&address, AF_INET6, bpf_ntohs(it->user_port));
}

SEC("cgroup/connect4")
int deny_connect4(struct bpf_sock_addr *it)
{
	return address4(it);
}

SEC("cgroup/connect6")
int deny_connect6(struct bpf_sock_addr *it)
{
	return address6(it);
}

SEC("cgroup/sendmsg4")
int deny_sendmsg4(struct bpf_sock_addr *it)
{
	return address4(it);
}

SEC("cgroup/sendmsg6")
int deny_sendmsg6(struct bpf_sock_addr *it)
{
	return address6(it);
}

SEC("cgroup/sysctl")
int deny_sysctl(struct bpf_sysctl *it)
{
	if (!it->write)
		return 1;
	struct setting setting = {};
	if (bpf_sysctl_get_name(it, setting.name, sizeof(setting.name), 0) <= 0)
		return 1;
	if (!bpf_map_lookup_elem(&forbidden_settings, &setting))
		return 1;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 what = what_is_forbidden(task) & (TELL_SETTING | STOP_SETTING);
	if (!what)
		return 1;
	u32 slot;
	struct scratch *scratch =
		begin_verdict(&slot, task, SYSCTL, what & STOP_SETTING ? REFUSED : WOULD_STOP);
	if (scratch) {
		u8 *at = section(scratch);
		if (at) {
			__builtin_memcpy(at + 8, "/proc/sys/", 10);
			long length = bpf_probe_read_kernel_str(at + 18, sizeof(setting.name), setting.name);
			if (length > 0)
				close_section(scratch, at, PATH, 9 + length);
		}
		send_critical(scratch, CLASS_VERDICT);
	}
	return what & STOP_SETTING ? 0 : 1;
}
