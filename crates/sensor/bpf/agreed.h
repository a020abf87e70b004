/* SPDX-License-Identifier: GPL-2.0
 * Held against src/kernel/layout.rs by whoever builds this.
 */
#pragma once
#ifdef AGREED_HEAD

#define SAME(what, here) _Static_assert((here) == AGREED_##what, #what " in layout.rs differs")

SAME(HEAD, sizeof(struct head));
SAME(TIME_AT, __builtin_offsetof(struct head, time));
SAME(FORK_BODY, sizeof(struct fork_body));
SAME(EXEC_BODY, sizeof(struct exec_body));
SAME(EXIT_BODY, sizeof(struct exit_body));
SAME(GROUP_BODY, sizeof(struct group_body));
SAME(CALL_BODY, sizeof(struct call_body));
SAME(DNS_BODY, sizeof(struct dns_body));
SAME(VERDICT_BODY, sizeof(struct verdict_body));
SAME(SECTION_HEAD, sizeof(struct section_head));
SAME(FILE_SECTION, sizeof(struct file_section));
SAME(CREDENTIALS_SECTION, sizeof(struct credentials_section));
SAME(SOCKET_SECTION, sizeof(struct socket_section));
SAME(CALL_RULE, sizeof(struct call_rule));
SAME(CALLS, CALLS);
SAME(SKETCH, SKETCH);
SAME(CONTROL, sizeof(struct control));
SAME(COUNTS, sizeof(struct counters));
SAME(VERDICT, VERDICT);
SAME(DATA, DATA);

#endif
