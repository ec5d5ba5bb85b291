/* Makes the journal's disk fail: to be loaded before a program (LD_PRELOAD).
 *
 * FAULT_CALL is `write`, `read` or `sync`; from the FAULT_AFTER-th such call on a file whose name has
 * `run.db` in it on, each fails with EIO. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int fails(const char *call, int file) {
    const char *which = getenv("FAULT_CALL"), *after = getenv("FAULT_AFTER");
    char link[64], name[4096];
    if (!which || !after || strcmp(which, call) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return 0;
    name[length] = 0;
    if (!strstr(name, "run.db") || strstr(name, ".lock"))
        return 0;
    if (atomic_fetch_add(&calls, 1) < atol(after))
        return 0;
    errno = EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    return fails("write", file) ? -1 : REAL(pwrite64)(file, bytes, count, at);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return fails("write", file) ? -1 : REAL(pwrite)(file, bytes, count, at);
}
ssize_t pread64(int file, void *bytes, size_t count, off64_t at) {
    return fails("read", file) ? -1 : REAL(pread64)(file, bytes, count, at);
}
ssize_t pread(int file, void *bytes, size_t count, off_t at) {
    return fails("read", file) ? -1 : REAL(pread)(file, bytes, count, at);
}
int fsync(int file) { return fails("sync", file) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return fails("sync", file) ? -1 : REAL(fdatasync)(file); }
