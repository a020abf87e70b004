/* SPDX-License-Identifier: GPL-2.0
 * Records that mean nothing, to measure how many the rings carry. Runs
 * only when asked to, and is attached to nothing.
 */

#define A_THOUSAND 1000

__noinline int write_synthetic(void)
{
	struct counters *counters = count(CLASS_SYNTHETIC);
	if (counters)
		counters->seen++;
	u32 slot;
	struct scratch *it = begin(&slot);
	if (!it) {
		count_lost(CLASS_SYNTHETIC);
		return 0;
	}
	struct head *head = (void *)it->data;
	head->type = SYNTHETIC;
	head->class = CLASS_SYNTHETIC;
	head->time = bpf_ktime_get_boot_ns();
	/* As long as an open with its path. */
	it->used = 256;
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
