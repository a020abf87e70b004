/* SPDX-License-Identifier: GPL-2.0
 * Files: their paths, what they are, and the sockets behind some of them.
 */
#pragma once

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define ANON_INODE_FS_MAGIC 0x09041934
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define COMPONENTS 48

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFIFO 0010000

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16

#define FIELD_OF(pointer, type, field) \
	((void *)((u64)(pointer) + bpf_core_field_offset(type, field)))

/* A pointer whose type the verifier follows from here on: each step from it
 * is a load, where it would be a call otherwise. The kernel's function for it
 * is called by its number, which the loader puts into the instruction
 * (src/kernel/cast.rs); only to be reached where `can_cast` says so. */
static __always_inline void *cast(u64 from, u32 type)
{
	register u64 pointer asm("r1") = from;
	register u64 id asm("r2") = type;
	register u64 result asm("r0");
	asm volatile(".quad 0x5ea5ea5e00002085"
		     : "=r"(result), "+r"(pointer), "+r"(id)
		     :
		     : "r3", "r4", "r5");
	return (void *)result;
}
#define CAST(type, from) \
	((struct type *)cast((u64)(from), bpf_core_type_id_kernel(struct type)))

/* Writes the path of a dentry, from the root of its mount namespace, to
 * the end of the first half of scratch->path; returns where it begins.
 * What has no place in a tree (a pipe, a memfd) is its name. A path that
 * is too long or too deep loses its beginning, and then does not begin
 * with a slash.
 *
 * Checked once by the kernel and not at each call, which is why it takes
 * numbers. */
__noinline int walk(u64 of, u64 on, u32 slot)
{
	struct scratch *it = bpf_map_lookup_elem(&scratches, &slot);
	if (!it)
		return PATH_ROOM;
	struct dentry *dentry = (void *)of;
	struct vfsmount *vfs = (void *)on;
	struct mount *mount = (void *)(on - bpf_core_field_offset(struct mount, mnt));
	struct dentry *root = BPF_CORE_READ(vfs, mnt_root);
	it->at = PATH_ROOM;
	bool whole = false;
	for (int i = 0; i < COMPONENTS; i++) {
		if (dentry == root) {
			struct mount *up = BPF_CORE_READ(mount, mnt_parent);
			if (up == mount || !up) {
				whole = true;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = up;
			vfs = FIELD_OF(up, struct mount, mnt);
			root = BPF_CORE_READ(vfs, mnt_root);
			continue;
		}
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
		u32 length = BPF_CORE_READ(dentry, d_name.len) & 255;
		u32 at = *(volatile u32 *)&it->at;
		if (at < length + 1)
			break;
		at -= length;
		bpf_probe_read_kernel(&it->path[at & (PATH_ROOM - 1)], length, name);
		if (parent == dentry)
			return at;
		at -= 1;
		it->path[at & (PATH_ROOM - 1)] = '/';
		*(volatile u32 *)&it->at = at;
		dentry = parent;
	}
	u32 at = *(volatile u32 *)&it->at;
	if (whole && at == PATH_ROOM) {
		at -= 1;
		it->path[at & (PATH_ROOM - 1)] = '/';
	}
	/* Cut: the slash before the first whole name would look like a root. */
	if (!whole && at < PATH_ROOM)
		at += 1;
	return at;
}

static __always_inline void add_path(struct scratch *it, u32 slot, u32 name, void *dentry,
				     void *mount)
{
	if (!dentry || !mount)
		return;
	u32 from = walk((u64)dentry, (u64)mount, slot);
	u8 *at = section(it);
	if (!at)
		return;
	asm volatile("" : "+r"(from));
	if (from >= PATH_ROOM)
		return;
	u32 length = PATH_ROOM - from;
	asm volatile("" : "+r"(length));
	length &= 2 * PATH_ROOM - 1;
	if (length > PATH_ROOM)
		return;
	from &= PATH_ROOM - 1;
	bpf_probe_read_kernel(at + 8, length, &it->path[from]);
	close_section(it, at, name, length);
}

static __always_inline void add_path_of(struct scratch *it, u32 slot, u32 name, struct file *file)
{
	add_path(it, slot, name, BPF_CORE_READ(file, f_path.dentry),
		 BPF_CORE_READ(file, f_path.mnt));
}

static __always_inline struct file *file_of(struct task_struct *task, u32 number)
{
	struct fdtable *table = task->files->fdt;
	if (!table || number >= table->max_fds)
		return NULL;
	struct file **all = table->fd;
	struct file *file = NULL;
	bpf_probe_read_kernel(&file, sizeof(file), (void *)((u64)all + (u64)number * sizeof(file)));
	return file;
}

static __always_inline bool is_upper(struct inode *inode)
{
	struct dentry *upper = NULL;
	if (bpf_core_type_exists(struct ovl_inode)) {
		u64 of = (u64)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
		struct ovl_inode *overlay = (void *)of;
		upper = BPF_CORE_READ(overlay, __upperdentry);
	} else {
		/* A module, whose types are not seen: it follows the inode. */
		bpf_probe_read_kernel(&upper, sizeof(upper),
				      (void *)((u64)inode + bpf_core_type_size(struct inode)));
	}
	return upper != NULL;
}

static __always_inline u32 file_flags(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
	u32 flags = 0;
	if (magic == OVERLAYFS_SUPER_MAGIC) {
		flags |= IS_OVERLAY;
		if (is_upper(inode))
			flags |= IS_UPPER;
	}
	if (BPF_CORE_READ(inode, i_nlink) == 0) {
		flags |= IS_UNLINKED;
		char name[8] = {};
		const unsigned char *from = BPF_CORE_READ(file, f_path.dentry, d_name.name);
		bpf_probe_read_kernel(name, 6, from);
		if ((magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC) && name[0] == 'm' &&
		    name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' &&
		    name[5] == ':')
			flags |= IS_MEMFD;
	}
	return flags;
}

#define SECOND_NS 1000000000

static __always_inline s64 modified_at(struct inode *inode)
{
	struct inode___since_6_11 *new = (void *)inode;
	struct inode___since_6_6 *middle = (void *)inode;
	struct inode___before_6_6 *old = (void *)inode;
	if (bpf_core_field_exists(new->i_mtime_sec))
		return BPF_CORE_READ(new, i_mtime_sec) * SECOND_NS +
		       BPF_CORE_READ(new, i_mtime_nsec);
	if (bpf_core_field_exists(middle->__i_mtime))
		return BPF_CORE_READ(middle, __i_mtime.tv_sec) * SECOND_NS +
		       BPF_CORE_READ(middle, __i_mtime.tv_nsec);
	return BPF_CORE_READ(old, i_mtime.tv_sec) * SECOND_NS + BPF_CORE_READ(old, i_mtime.tv_nsec);
}

/* The highest bit of the part below a second is the kernel's own mark. */
#define BELOW_SECOND(value) ((value) & 0x7fffffff)

static __always_inline s64 changed_at(struct inode *inode)
{
	struct inode___since_6_11 *new = (void *)inode;
	struct inode___since_6_6 *middle = (void *)inode;
	struct inode___before_6_6 *old = (void *)inode;
	if (bpf_core_field_exists(new->i_ctime_sec))
		return BPF_CORE_READ(new, i_ctime_sec) * SECOND_NS +
		       BELOW_SECOND(BPF_CORE_READ(new, i_ctime_nsec));
	if (bpf_core_field_exists(middle->__i_ctime))
		return BPF_CORE_READ(middle, __i_ctime.tv_sec) * SECOND_NS +
		       BPF_CORE_READ(middle, __i_ctime.tv_nsec);
	return BPF_CORE_READ(old, i_ctime.tv_sec) * SECOND_NS + BPF_CORE_READ(old, i_ctime.tv_nsec);
}

static __always_inline void write_file(struct file_section *to, struct file *file, u32 flags)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct super_block *super = BPF_CORE_READ(inode, i_sb);
	u32 device = BPF_CORE_READ(super, s_dev);
	to->inode = BPF_CORE_READ(inode, i_ino);
	to->magic = BPF_CORE_READ(super, s_magic);
	to->size = BPF_CORE_READ(inode, i_size);
	to->major = device >> 20;
	to->minor = device & 0xfffff;
	to->mode = BPF_CORE_READ(inode, i_mode);
	to->flags = flags;
	to->modified = modified_at(inode);
	to->changed = changed_at(inode);
}

static __always_inline void add_file(struct scratch *it, struct file *file, u32 flags)
{
	u8 *at = section(it);
	if (!at)
		return;
	write_file((void *)(at + 8), file, flags);
	close_section(it, at, FILE, sizeof(struct file_section));
}

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline u8 descriptor_of(struct file *file)
{
	if (!file)
		return 0;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 mode = BPF_CORE_READ(inode, i_mode);
	u32 sort = mode & S_IFMT;
	if (sort == S_IFSOCK) {
		u32 family = BPF_CORE_READ(sock_of(file), __sk_common.skc_family);
		switch (family) {
		case AF_UNIX: return D_UNIX;
		case AF_INET: return D_IPV4;
		case AF_INET6: return D_IPV6;
		case AF_NETLINK: return D_NETLINK;
		}
		return D_UNKNOWN;
	}
	if (sort == S_IFIFO)
		return D_PIPE;
	if (sort == S_IFDIR)
		return D_DIRECTORY;
	u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (sort == S_IFREG && magic != ANON_INODE_FS_MAGIC)
		return file_flags(file) & IS_MEMFD ? D_MEMFD : D_FILE;
	if (magic != ANON_INODE_FS_MAGIC)
		return D_FILE;
	char name[8] = {};
	bpf_probe_read_kernel(name, 7, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] == '[') {
		if (name[1] == 'e' && name[6] == 'f')
			return D_EVENT;
		if (name[1] == 'e')
			return D_EVENTPOLL;
		if (name[1] == 's')
			return D_SIGNAL;
		if (name[1] == 't')
			return D_TIMER;
	}
	if (name[0] == 'i' && name[1] == 'n')
		return D_INOTIFY;
	if (name[0] == 'b' && name[1] == 'p')
		return D_BPF;
	return D_UNKNOWN;
}
