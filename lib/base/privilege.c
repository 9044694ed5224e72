/* base/privilege.c - rights given up (base/privilege.h). */
#define _GNU_SOURCE 1
#include "base/privilege.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/say.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true /* they map terabytes, and look for leaks by tracing */
#else
#define SANITIZED false
#endif

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#endif

static void complain(const char *what)
{
	say(SAY_WARNING, "cannot give up %s: %s, ignoring", what, strerror(errno));
}

static void drop_capabilities(uint64_t keep, bool for_ever)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[2] = { 0 };
	uint64_t had;

	if (syscall(SYS_capget, &header, set) < 0) {
		complain("capabilities");
		return;
	}
	had = (uint64_t)set[1].permitted << 32 | set[0].permitted;
	if (for_ever && (had & 1ull << CAP_SETPCAP))
		for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
			(void)prctl(PR_CAPBSET_DROP, cap);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		set[i].permitted &= (uint32_t)(keep >> (32 * i));
		set[i].effective = set[i].permitted;
		set[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, set) < 0)
		complain("capabilities");
}

#ifdef OWN_ARCH
/* What no daemon of ours does after its start. Sockets come last: those who need them leave them
 * out. */
static const uint32_t refused[] = {
	__NR_execve,
	__NR_execveat,
	__NR_ptrace,
	__NR_process_vm_readv,
	__NR_process_vm_writev,
	__NR_mount,
	__NR_umount2,
	__NR_pivot_root,
	__NR_chroot,
	__NR_setns,
	__NR_unshare,
	__NR_bpf,
	__NR_init_module,
	__NR_finit_module,
	__NR_delete_module,
	__NR_kexec_load,
	__NR_perf_event_open,
	__NR_userfaultfd,
	__NR_open_by_handle_at,
	__NR_add_key,
	__NR_request_key,
	__NR_keyctl,
	__NR_swapon,
	__NR_reboot,
	__NR_socket,
	__NR_socketpair,
};
#define REFUSED		(sizeof(refused) / sizeof(refused[0]))
#define REFUSED_SOCKETS 2

static void refuse_calls(bool network)
{
	struct sock_filter code[4 + 2 + 2 * REFUSED + 1];
	struct sock_fprog program = { .filter = code };
	size_t n = 0, calls = network ? REFUSED - REFUSED_SOCKETS : REFUSED;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
	/* another architecture's numbers */
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	/* Threads are made with clone(2) then. Where an older container's filter answers EPERM,
	 * which the C library takes for an error, ours is heard first. */
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < calls; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, refused[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	/* EINVAL: a kernel without */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 && errno != EINVAL)
		complain("system calls");
}
#else
static void refuse_calls(bool network)
{
	(void)network;
}
#endif

static void limit_memory(uint64_t bytes)
{
	struct rlimit now, limit = { .rlim_cur = bytes, .rlim_max = bytes };

	if (bytes == 0 || SANITIZED || getrlimit(RLIMIT_DATA, &now) < 0 || now.rlim_max <= bytes)
		return;
	if (setrlimit(RLIMIT_DATA, &limit) < 0)
		complain("memory");
}

void privilege_drop(unsigned flags, uint64_t keep, uint64_t data_bytes)
{
	bool executes = flags & PRIVILEGE_EXECUTES;

	drop_capabilities(keep, !executes);
	if (executes)
		return;
	limit_memory(data_bytes);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		complain("new privileges");
	if (!SANITIZED && !daemon_disabled("seccomp"))
		refuse_calls(flags & PRIVILEGE_NETWORK);
}
