/* SPDX-License-Identifier: GPL-2.0
 * Who did it.
 */
#pragma once

/* `set` has to be one whose type the verifier follows: then each step is a
 * load and no call. */
static __always_inline u64 legacy_cgroup(struct css_set *set)
{
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		return 0;
	u32 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	struct cgroup *group = set->subsys[index]->cgroup;
	/* Hierarchy 0 is the unified one. */
	return group->root->hierarchy_id ? group->kn->id : 0;
}

static __always_inline void pid_in_namespace(struct task_struct *task, struct upid *to)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	u64 at = (u64)pid + bpf_core_field_offset(struct pid, numbers) +
		 level * bpf_core_type_size(struct upid);
	struct upid *number = (void *)at;
	to->nr = BPF_CORE_READ(number, nr);
	to->ns = BPF_CORE_READ(number, ns);
}

/* Number of a task's group or session, as its namespace does not matter
 * to the host. */
static __always_inline u32 number_of(struct task_struct *task, u32 type)
{
	struct pid *pid = NULL;
	bpf_core_read(&pid, sizeof(pid), &task->signal->pids[type]);
	u64 first = (u64)pid + bpf_core_field_offset(struct pid, numbers);
	struct upid *number = (void *)first;
	return BPF_CORE_READ(number, nr);
}

/* `task` is the current one, or at least one the verifier trusts. */
static __always_inline void write_head(struct scratch *it, struct task_struct *task, u8 type,
				       u8 class)
{
	struct head *head = (void *)it->data;
	head->type = type;
	head->class = class;
	head->cpu = bpf_get_smp_processor_id();
	head->pid = task->tgid;
	head->tid = task->pid;
	head->parent = task->real_parent->tgid;
	const struct cred *cred = task->cred;
	head->uid = cred->uid.val;
	head->gid = cred->gid.val;
	head->time = bpf_ktime_get_boot_ns();
	head->started = task->group_leader->start_boottime;
	struct css_set *set = task->cgroups;
	head->unified = set->dfl_cgrp->kn->id;
	head->legacy = legacy_cgroup(set);
	head->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
	head->pid_namespace = task->nsproxy->pid_ns_for_children->ns.inum;
	bpf_probe_read_kernel(head->name, sizeof(head->name), task->comm);
}

/* A record of what `task` does, its head written; NULL, and counted as
 * lost, where no scratch space is left. */
static __always_inline struct scratch *open_record(u32 *slot, struct task_struct *task, u8 type,
						   u8 class)
{
	struct scratch *it = begin(slot);
	if (it)
		write_head(it, task, type, class);
	else
		count_lost(class);
	return it;
}

static __always_inline void add_credentials(struct scratch *it, struct task_struct *task)
{
	u8 *at = section(it);
	if (!at)
		return;
	struct credentials_section *to = (void *)(at + 8);
	const struct cred *cred = task->cred;
	to->uid = cred->uid.val;
	to->gid = cred->gid.val;
	to->effective_uid = cred->euid.val;
	to->effective_gid = cred->egid.val;
	bpf_core_read(&to->permitted, 8, &cred->cap_permitted);
	bpf_core_read(&to->inheritable, 8, &cred->cap_inheritable);
	bpf_core_read(&to->effective, 8, &cred->cap_effective);
	close_section(it, at, CREDENTIALS, sizeof(*to));
}

/* Whether this control group may send another bulk record. */
static __always_inline bool may_send(struct task_struct *task)
{
	if (!bulk_rate)
		return true;
	u64 key = task->cgroups->dfl_cgrp->kn->id;
	if (key <= 1)
		key = legacy_cgroup(task->cgroups);
	u64 now = bpf_ktime_get_boot_ns();
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &key);
	if (!bucket) {
		struct bucket new = { .time = now, .left = bulk_rate };
		bpf_map_update_elem(&buckets, &key, &new, BPF_ANY);
		return true;
	}
	/* Races between processors lose a token or two, which is fine. */
	u64 passed = now - bucket->time;
	if (passed > 10000000) {
		if (passed > 1000000000)
			passed = 1000000000;
		u64 left = bucket->left + passed * bulk_rate / 1000000000;
		bucket->left = left > bulk_rate ? bulk_rate : left;
		bucket->time = now;
	}
	if (bucket->left) {
		bucket->left--;
		return true;
	}
	__sync_fetch_and_add(&bucket->suppressed, 1);
	return false;
}

static __always_inline bool is_own(struct task_struct *task)
{
	return own_pid && task->tgid == own_pid;
}
