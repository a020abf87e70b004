/* SPDX-License-Identifier: GPL-2.0
 * Records of what nobody did, to measure how many are carried and judged.
 * Runs only when asked to, and is attached to nothing.
 */

#define A_THOUSAND 1000
/* The kinds of files an application writes; as many as repeat in its life. */
#define FILES 4096
#define FOLDER_OF_DATA "/srv/made/"
#define LENGTH 10

/* A file opened to be written, by whoever asked for it. */
__noinline int write_synthetic(void)
{
	struct counters *counters = count(CLASS_SYNTHETIC);
	if (!counters)
		return 0;
	u32 number = counters->seen++ % FILES;
	u32 slot;
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *it = open_record(&slot, task, CALL, CLASS_SYNTHETIC);
	if (!it)
		return 0;
	struct call_body *to = body(it, sizeof(*to));
	__builtin_memset(to, 0, sizeof(*to));
	to->kind = kind_openat;
	to->descriptor = D_FILE;
	to->result = 3;
	to->arguments[0] = (s64)AT_FDCWD;
	to->arguments[2] = 02 | 0100; /* RDWR, CREAT */
	for (u32 name = PATH; name <= RESOLVED; name++) {
		u8 *at = section(it);
		if (!at)
			break;
		__builtin_memcpy(at + 8, FOLDER_OF_DATA, LENGTH);
		for (u32 digit = 0; digit < 4; digit++)
			at[8 + LENGTH + digit] = 'a' + (number >> digit * 4 & 15);
		close_section(it, at, name, LENGTH + 4);
	}
	u8 *at = section(it);
	if (at) {
		struct file_section *file = (void *)(at + 8);
		__builtin_memset(file, 0, sizeof(*file));
		file->inode = number;
		file->mode = S_IFREG | 0644;
		close_section(it, at, FILE, sizeof(*file));
	}
	send_bulk(it, CLASS_SYNTHETIC);
	return 0;
}

SEC("raw_tp/synthetic")
int synthetic(void *context)
{
	for (int i = 0; i < A_THOUSAND; i++)
		write_synthetic();
	return 0;
}
