/* SPDX-License-Identifier: GPL-2.0
 * How this processor passes the arguments of a system call: the one file
 * to look at for another one.
 */
#pragma once

#if defined(__TARGET_ARCH_x86)

/* Numbers of 32-bit programs on a 64-bit kernel are another table. */
static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.status & 2; /* TS_COMPAT */
}

static __always_inline u32 call_number(struct pt_regs *regs)
{
	/* Without the bit that marks the x32 interface. */
	return (u32)regs->orig_ax & ~0x40000000u;
}

static __always_inline void call_arguments(struct pt_regs *regs, bool compat, u64 *to)
{
	if (compat) {
		to[0] = (u32)regs->bx;
		to[1] = (u32)regs->cx;
		to[2] = (u32)regs->dx;
		to[3] = (u32)regs->si;
		to[4] = (u32)regs->di;
		to[5] = (u32)regs->bp;
		return;
	}
	to[0] = regs->di;
	to[1] = regs->si;
	to[2] = regs->dx;
	to[3] = regs->r10;
	to[4] = regs->r8;
	to[5] = regs->r9;
}

static __always_inline u64 third_argument(struct pt_regs *regs)
{
	return regs->dx;
}

#elif defined(__TARGET_ARCH_arm64)

static __always_inline bool is_compat(struct task_struct *task)
{
	return false;
}

static __always_inline u32 call_number(struct pt_regs *regs)
{
	return ((struct pt_regs___arm *)regs)->syscallno;
}

static __always_inline void call_arguments(struct pt_regs *regs, bool compat, u64 *to)
{
	struct pt_regs___arm *all = (void *)regs;
	to[0] = all->orig_x0;
	to[1] = all->regs[1];
	to[2] = all->regs[2];
	to[3] = all->regs[3];
	to[4] = all->regs[4];
	to[5] = all->regs[5];
}

static __always_inline u64 third_argument(struct pt_regs *regs)
{
	return ((struct pt_regs___arm *)regs)->regs[2];
}

#else
#error "arch.h does not know this processor"
#endif
