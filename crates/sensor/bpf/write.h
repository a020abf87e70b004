/* SPDX-License-Identifier: GPL-2.0
 * Writing a record: into scratch space of this processor, section by
 * section, then into a ring, as long as it became.
 *
 * Programs of one processor interrupt each other: hooks may be preempted,
 * packets come in interrupts. So there are a few places, and who finds one
 * in use takes the next.
 */
#pragma once

struct scratch {
	u32 busy, used;
	u8 data[RECORD_ROOM + sizeof(struct section_head) + DATA_ROOM];
	u8 path[2 * PATH_ROOM];
	/* How far a path is written: kept here and not in a register, because
	 * the verifier follows each value a register may have. */
	u32 at;
	u32 unused;
};
#define SCRATCHES 4
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *begin(u32 *slot)
{
	for (u32 i = 0; i < SCRATCHES; i++) {
		u32 at = i;
		struct scratch *it = bpf_map_lookup_elem(&scratches, &at);
		if (it && !__sync_lock_test_and_set(&it->busy, 1)) {
			it->used = 0;
			*slot = i;
			return it;
		}
	}
	return NULL;
}

static __always_inline void end(struct scratch *it)
{
	it->busy = 0;
}

static __always_inline void count_sent(u32 class, long failed)
{
	struct counters *counters = count(class);
	if (!counters)
		return;
	if (failed)
		counters->dropped++;
	else
		counters->sent++;
}

/* Nothing was written because no scratch space was left. */
static __always_inline void count_lost(u32 class)
{
	count_sent(class, 1);
}

static __always_inline void send(struct scratch *it, u32 class, void *ring, u64 flags)
{
	u32 used = it->used;
	asm volatile("" : "+r"(used));
	if (used > sizeof(it->data))
		used = sizeof(it->data);
	count_sent(class, bpf_ringbuf_output(ring, it->data, used, flags));
	end(it);
}

/* Wakes the reader once so much waits. */
static __always_inline u64 wake_at(void *ring, u64 much)
{
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= much ? BPF_RB_FORCE_WAKEUP :
								    BPF_RB_NO_WAKEUP;
}

/* The same, and whoever comes first wakes a reader that sleeps. A wake-up
 * costs those who are watched more than all else that is done for a record
 * (18 us where the interrupt it needs is the hypervisor's), so a reader that
 * is about is left to look by itself. One that falls asleep between the
 * question and the record sees it when its own time is up. */
static __always_inline u64 wake_sleeper(void *ring, u64 much)
{
	u32 zero = 0;
	u32 *asleep = bpf_map_lookup_elem(&asleep_map, &zero);
	if (asleep && *asleep && __sync_lock_test_and_set(asleep, 0))
		return BPF_RB_FORCE_WAKEUP;
	return wake_at(ring, much);
}

static __always_inline void send_critical(struct scratch *it, u32 class)
{
	send(it, class, &critical, wake_sleeper(&critical, quiet_wakeup));
}

/* What must not be lost but means nothing by itself. */
static __always_inline void send_quiet(struct scratch *it, u32 class)
{
	send(it, class, &critical, wake_at(&critical, quiet_wakeup));
}

static __always_inline void send_bulk(struct scratch *it, u32 class)
{
	send(it, class, &bulk, wake_sleeper(&bulk, bulk_wakeup));
}

/* Head and body are at fixed places, cleared. */
static __always_inline void *body(struct scratch *it, u32 size)
{
	it->used = sizeof(struct head) + size;
	return it->data + sizeof(struct head);
}

/* Where the next section goes; NULL where there is no room left. At least
 * DATA_ROOM bytes may be written behind the head of the section. */
static __always_inline u8 *section(struct scratch *it)
{
	u32 at = it->used;
	asm volatile("" : "+r"(at));
	if (at > RECORD_ROOM)
		return NULL;
	return it->data + at;
}

static __always_inline void close_section(struct scratch *it, u8 *at, u32 section, u32 length)
{
	*(u64 *)at = section | (u64)(length & 0xffff) << 16;
	it->used += sizeof(struct section_head) + ((length + 7) & ~7u);
}

static __always_inline void add_kernel_bytes(struct scratch *it, u32 name, const void *from,
					     u32 size)
{
	u8 *at = section(it);
	if (!at)
		return;
	if (bpf_probe_read_kernel(at + 8, size, from) == 0)
		close_section(it, at, name, size);
}

static __always_inline void add_kernel_text(struct scratch *it, u32 name, const void *from)
{
	u8 *at = section(it);
	if (!at)
		return;
	long length = bpf_probe_read_kernel_str(at + 8, PATH_ROOM, from);
	if (length > 1)
		close_section(it, at, name, length - 1);
}

static __always_inline void add_user_text(struct scratch *it, u32 name, u64 from)
{
	u8 *at = section(it);
	if (!at || !from)
		return;
	long length = bpf_probe_read_user_str(at + 8, PATH_ROOM, (void *)from);
	if (length > 1)
		close_section(it, at, name, length - 1);
}

/* At most `most` bytes, which is a power of two less one. */
static __always_inline bool add_user_bytes(struct scratch *it, u32 name, u64 from, u64 length,
					   u32 most)
{
	u8 *at = section(it);
	if (!at || !length)
		return false;
	bool cut = length > most;
	u32 taken = cut ? most : length;
	asm volatile("" : "+r"(taken));
	taken &= most;
	if (bpf_probe_read_user(at + 8, taken, (void *)from) != 0) {
		/* A page of it is not in memory: as much as one may hope for. */
		cut = true;
		taken &= 255;
		if (bpf_probe_read_user(at + 8, taken, (void *)from) != 0)
			return true;
	}
	close_section(it, at, name, taken);
	return cut;
}
