/* SPDX-License-Identifier: GPL-2.0
 * Packets of the domain name system: UDP from and to port 53.
 *
 * An answer arrives while any process runs; who asked is remembered by
 * the socket. Names asked over TCP or TLS are not seen.
 */

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_UDP 17
#define DNS_PORT 53
#define UDP_HEAD 8

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, u64);
	__type(value, struct head);
} askers SEC(".maps");

static __always_inline int dns(struct __sk_buff *packet, bool is_answer)
{
	void *data = (void *)(long)packet->data;
	void *data_end = (void *)(long)packet->data_end;
	u8 *bytes = data;
	u32 at;
	if (packet->protocol == bpf_htons(ETH_P_IP)) {
		if (data + 20 > data_end || bytes[9] != IPPROTO_UDP)
			return 1;
		at = (bytes[0] & 15) * 4;
	} else if (packet->protocol == bpf_htons(ETH_P_IPV6)) {
		/* Headers between are not looked behind. */
		if (data + 40 > data_end || bytes[6] != IPPROTO_UDP)
			return 1;
		at = 40;
	} else {
		return 1;
	}
	u16 ports[2];
	if (bpf_skb_load_bytes(packet, at, ports, sizeof(ports)))
		return 1;
	if (ports[is_answer ? 0 : 1] != bpf_htons(DNS_PORT))
		return 1;
	if (!is_on(CLASS_DNS))
		return 1;
	struct counters *counters = count(CLASS_DNS);
	if (!counters)
		return 1;
	counters->seen++;
	u64 cookie = bpf_get_socket_cookie(packet);
	u32 slot;
	struct scratch *it = begin(&slot);
	if (!it) {
		count_lost(CLASS_DNS);
		return 1;
	}
	struct head *head = (void *)it->data;
	if (is_answer) {
		struct head *asker = bpf_map_lookup_elem(&askers, &cookie);
		if (!asker) {
			counters->filtered++;
			end(it);
			return 1;
		}
		__builtin_memcpy(head, asker, sizeof(*head));
		head->time = bpf_ktime_get_boot_ns();
		head->cpu = bpf_get_smp_processor_id();
	} else {
		write_head(it, bpf_get_current_task_btf(), DNS, CLASS_DNS);
		bpf_map_update_elem(&askers, &cookie, head, BPF_ANY);
	}
	if (own_pid && head->pid == own_pid) {
		counters->filtered++;
		end(it);
		return 1;
	}
	struct dns_body *to = body(it, sizeof(*to));
	__builtin_memset(to, 0, sizeof(*to));
	to->is_answer = is_answer;
	to->port = DNS_PORT;
	if (packet->protocol == bpf_htons(ETH_P_IP)) {
		to->family = AF_INET;
		bpf_skb_load_bytes(packet, is_answer ? 12 : 16, to->address, 4);
	} else {
		to->family = AF_INET6;
		bpf_skb_load_bytes(packet, is_answer ? 8 : 24, to->address, 16);
	}
	u32 length = packet->len;
	at += UDP_HEAD;
	u8 *into = section(it);
	if (into && length > at) {
		length -= at;
		if (length >= PACKET_ROOM)
			length = PACKET_ROOM - 1;
		/* Counted from one less: old verifiers see no other way that it
		 * is never none. */
		u32 last = length - 1;
		asm volatile("" : "+r"(last));
		last &= PACKET_ROOM - 1;
		if (bpf_skb_load_bytes(packet, at, into + 8, last + 1) == 0)
			close_section(it, into, DATA, last + 1);
	}
	send_bulk(it, CLASS_DNS);
	return 1;
}

SEC("cgroup_skb/egress")
int dns_asked(struct __sk_buff *packet)
{
	return dns(packet, false);
}

SEC("cgroup_skb/ingress")
int dns_answered(struct __sk_buff *packet)
{
	return dns(packet, true);
}
