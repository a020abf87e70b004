/* SPDX-License-Identifier: GPL-2.0
 * Processes: begun, running another program, ended.
 */

#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3
#define SIGNAL_GROUP_EXIT 4

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid)
		return 0; /* a thread */
	count_seen(CLASS_PROCESS);
	u32 slot;
	struct scratch *it = open_record(&slot, parent, FORK, CLASS_PROCESS);
	if (!it)
		return 0;
	struct fork_body *to = body(it, sizeof(*to));
	struct upid number = {};
	pid_in_namespace(child, &number);
	to->pid = child->tgid;
	to->virtual_pid = number.nr;
	to->started = child->start_boottime;
	send_quiet(it, CLASS_PROCESS);
	return 0;
}

static __always_inline u32 terminal_of(struct task_struct *task)
{
	struct tty_struct *tty = task->signal->tty;
	if (!tty)
		return 0;
	u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	u32 major = BPF_CORE_READ(tty, driver, major);
	return major << 20 | minor;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old, struct linux_binprm *binary)
{
	count_seen(CLASS_PROCESS);
	u32 slot;
	struct scratch *it = open_record(&slot, task, EXEC, CLASS_PROCESS);
	if (!it)
		return 0;
	struct exec_body *to = body(it, sizeof(*to));
	struct upid number = {};
	pid_in_namespace(task, &number);
	to->virtual_pid = number.nr;
	to->session = number_of(task, PIDTYPE_SID);
	to->group = number_of(task, PIDTYPE_PGID);
	to->terminal = terminal_of(task);
	to->login_uid = ~0u;
	if (bpf_core_field_exists(task->loginuid))
		to->login_uid = BPF_CORE_READ(task, loginuid.val);
	for (u32 i = 0; i < 3; i++)
		to->stdio[i] = descriptor_of(file_of(task, i));
	struct file *file = binary->file;
	add_file(it, file, file_flags(file));
	add_credentials(it, task);
	add_path_of(it, slot, RESOLVED, file);
	add_kernel_text(it, PATH, binary->filename);
	struct mm_struct *mm = task->mm;
	u64 arguments = mm->arg_start;
	to->are_arguments_cut =
		add_user_bytes(it, ARGUMENTS, arguments, mm->arg_end - arguments, 4095);
	u64 environment = mm->env_start;
	add_user_bytes(it, ENVIRONMENT, environment, mm->env_end - environment, 2047);
	send_critical(it, CLASS_PROCESS);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	/* The last thread to go, whichever it is. */
	if (task->signal->live.counter != 0)
		return 0;
	count_seen(CLASS_PROCESS);
	u32 slot;
	struct scratch *it = open_record(&slot, task, EXIT, CLASS_PROCESS);
	if (!it)
		return 0;
	struct exit_body *to = body(it, sizeof(*to));
	to->code = task->signal->flags & SIGNAL_GROUP_EXIT ? task->signal->group_exit_code :
							     task->group_leader->exit_code;
	to->unused = 0;
	send_quiet(it, CLASS_PROCESS);
	return 0;
}
