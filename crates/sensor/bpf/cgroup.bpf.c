/* SPDX-License-Identifier: GPL-2.0
 * Control groups: what containers are known by, before any process of
 * theirs runs.
 */

static __always_inline int group(u8 type, struct cgroup *group, const char *path, u32 pid)
{
	count_seen(CLASS_CGROUP);
	u32 slot;
	struct scratch *it = open_record(&slot, bpf_get_current_task_btf(), type, CLASS_CGROUP);
	if (!it)
		return 0;
	struct group_body *to = body(it, sizeof(*to));
	to->id = group->kn->id;
	to->hierarchy = group->root->hierarchy_id;
	to->pid = pid;
	add_kernel_text(it, PATH, path);
	send_quiet(it, CLASS_CGROUP);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *it, const char *path)
{
	return group(CGROUP_MADE, it, path, 0);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *it, const char *path)
{
	return group(CGROUP_REMOVED, it, path, 0);
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_joined, struct cgroup *it, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	return group(CGROUP_JOINED, it, path, task->tgid);
}
