/* SPDX-License-Identifier: GPL-2.0
 * What no system call tells: who is signalled, whatever number the caller
 * knows it by, and what is asked of the kernel through io_uring.
 */

static __always_inline struct scratch *begin_call(u32 *slot, struct task_struct *task, u32 class,
						  u16 kind, u8 via)
{
	struct scratch *it = open_record(slot, task, CALL, class);
	if (!it)
		return NULL;
	struct call_body *to = body(it, sizeof(*to));
	__builtin_memset(to, 0, sizeof(*to));
	to->kind = kind;
	to->via = via;
	return it;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(protected_signalled, int signal, struct kernel_siginfo *info,
	     struct task_struct *target, int group, int result)
{
	if (!signal_is_wanted(signal))
		return 0;
	u32 pid = target->tgid;
	if (!bpf_map_lookup_elem(&protected, &pid))
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	count_seen(CLASS_PRIVILEGE);
	u32 slot;
	struct scratch *it = begin_call(&slot, task, CLASS_PRIVILEGE, kind_kill, SYSTEM_CALL);
	if (!it)
		return 0;
	struct call_body *to = (void *)(it->data + sizeof(struct head));
	to->target = pid;
	to->arguments[0] = pid;
	to->arguments[1] = signal;
	send_critical(it, CLASS_PRIVILEGE);
	return 0;
}

#define IORING_OP_CONNECT 16
#define IORING_OP_OPENAT 18
#define IORING_OP_OPENAT2 28

static __always_inline int submitted(struct io_kiocb *request)
{
	if (!bpf_core_field_exists(request->cmd))
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	u8 opcode = BPF_CORE_READ(request, opcode);
	struct counters *counters = count(CLASS_PRIVILEGE);
	if (!counters)
		return 0;
	counters->seen++;
	bool is_open = opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2;
	u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&control_map, &zero);
	bool is_whole = control && !control->hooks && (is_open || opcode == IORING_OP_CONNECT);
	struct recent key = { .pid = task->tgid, .what = 2, .port = opcode };
	if (is_own(task) || (!is_whole && told_lately(&key))) {
		counters->filtered++;
		return 0;
	}
	if (is_whole && !may_send(task)) {
		counters->suppressed++;
		return 0;
	}
	u32 slot;
	u16 kind = kind_io_uring;
	if (is_whole)
		kind = is_open ? kind_openat : kind_connect;
	struct scratch *it = begin_call(&slot, task, CLASS_PRIVILEGE, kind, IO_URING);
	if (!it)
		return 0;
	struct call_body *to = (void *)(it->data + sizeof(struct head));
	void *command = FIELD_OF(request, struct io_kiocb, cmd);
	if (!is_whole) {
		to->arguments[0] = opcode;
	} else if (is_open) {
		struct io_open *open = command;
		to->descriptor = D_FILE;
		to->arguments[0] = (s64)BPF_CORE_READ(open, dfd);
		add_kernel_text(it, PATH, BPF_CORE_READ(open, filename, name));
	} else {
		struct io_connect *connect = command;
		struct given given = {};
		read_given(&given, (u64)BPF_CORE_READ(connect, addr),
			   BPF_CORE_READ(connect, addr_len));
		u16 family = GIVEN_FAMILY(&given);
		u8 *at = section(it);
		if (at) {
			struct socket_section *socket = (void *)(at + 8);
			__builtin_memset(socket, 0, sizeof(*socket));
			socket->family = family;
			write_given(socket, &given, family);
			close_section(it, at, SOCKET, sizeof(*socket));
		}
		to->descriptor = family == AF_INET6 ? D_IPV6 :
				 family == AF_INET  ? D_IPV4 :
						      D_UNIX;
	}
	send_critical(it, CLASS_PRIVILEGE);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submitted, struct io_kiocb *request)
{
	return submitted(request);
}

/* Its name before 6.3. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(io_uring_submitted_before, struct io_kiocb *request)
{
	return submitted(request);
}
