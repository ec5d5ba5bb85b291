/* Injects faults into the file operations of a program, when loaded before it (LD_PRELOAD).
 *
 * Only files whose name contains FAULT_NAME (default `run.db`) count.
 *
 * FAULT_CALL   which operations count: `write`, `read`, `sync`, `name` (create, rename, link, unlink),
 *              `truncate`, or `change` (all of these except `read`).
 * FAULT_AFTER  how many of them succeed first.
 * FAULT_DO     `fail` (default): every later one fails with EIO.
 *              `hang`: the next one never returns.
 *              `kill`: SIGKILL in place of the next one.
 *              `tear`: as `kill`, but the first half of a write is carried out, in sectors of 512 bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long calls;

static int counts(const char *call) {
    const char *which = getenv("FAULT_CALL");
    if (!which)
        return 0;
    return strcmp(which, call) == 0 || (strcmp(which, "change") == 0 && strcmp(call, "read") != 0);
}

static int is_named(const char *path) {
    const char *name = getenv("FAULT_NAME");
    return path && strstr(path, name ? name : "run.db") && !strstr(path, ".lock");
}

static int is_file_named(int file) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return 0;
    name[length] = 0;
    return is_named(name);
}

static int does(const char *what) {
    const char *action = getenv("FAULT_DO");
    return strcmp(action ? action : "fail", what) == 0;
}

/* Whether the fault begins with this operation. */
static int is_due(void) {
    const char *after = getenv("FAULT_AFTER");
    return after && atomic_fetch_add(&calls, 1) >= atol(after);
}

static int fault(void) {
    while (does("hang"))
        pause();
    if (!does("fail"))
        kill(getpid(), SIGKILL);
    errno = EIO;
    return 1;
}

static int fails(const char *call, int file) {
    return counts(call) && is_file_named(file) && is_due() && fault();
}

static int path_fails(const char *path) {
    return counts("name") && is_named(path) && is_due() && fault();
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    if (counts("write") && is_file_named(file) && is_due()) {
        if (does("tear"))
            REAL(pwrite64)(file, bytes, count / 2 / 512 * 512, at);
        fault();
        return -1;
    }
    return REAL(pwrite64)(file, bytes, count, at);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return pwrite64(file, bytes, count, at);
}
ssize_t write(int file, const void *bytes, size_t count) {
    return fails("write", file) ? -1 : REAL(write)(file, bytes, count);
}
ssize_t pread64(int file, void *bytes, size_t count, off64_t at) {
    return fails("read", file) ? -1 : REAL(pread64)(file, bytes, count, at);
}
ssize_t pread(int file, void *bytes, size_t count, off_t at) {
    return fails("read", file) ? -1 : REAL(pread)(file, bytes, count, at);
}
int fsync(int file) { return fails("sync", file) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return fails("sync", file) ? -1 : REAL(fdatasync)(file); }
int ftruncate64(int file, off64_t length) {
    return fails("truncate", file) ? -1 : REAL(ftruncate64)(file, length);
}
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }
int rename(const char *from, const char *to) {
    return path_fails(from) ? -1 : REAL(rename)(from, to);
}
int unlink(const char *path) { return path_fails(path) ? -1 : REAL(unlink)(path); }
int link(const char *from, const char *to) { return path_fails(to) ? -1 : REAL(link)(from, to); }
int linkat(int at, const char *from, int to_at, const char *to, int flags) {
    return path_fails(to) ? -1 : REAL(linkat)(at, from, to_at, to, flags);
}
int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if ((flags & O_CREAT) && path_fails(path))
        return -1;
    return REAL(open64)(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open64(path, flags, mode);
}
