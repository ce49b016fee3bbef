/* Wraps the C library's calls that change files (LD_PRELOAD, glibc on Linux).
 *
 * It counts the calls on files below $FAULT_UNDER, from the start of the program or from a call of fault_arm(), and acts by
 * $FAULT_MODE:
 *   trace   only write each call as a line to the file $FAULT_TRACE, if set: its name and its paths, separated by tabs
 *   kill    SIGKILL before the $FAULT_AT-th call, counted from 1
 *   full    a full disk: of the calls that need space, $FAULT_CALLS from the $FAULT_AT-th on fail, or all of them (0)
 * With $FAULT_HALF, a write that the fault hits writes half of its bytes first. fsync returns at once: what a killed process
 * has written stays, flushed or not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, TRACE, KILL, FULL };
enum verdict { GO, HALF, FAIL };
enum need { NO_SPACE, SPACE, BYTES };

static enum mode mode;
static long at, calls, seen;
static int half, trace = -1;
static char under[PATH_MAX];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long number(const char *name) {
    const char *value = getenv(name);
    return value ? atol(value) : 0;
}

void fault_disarm(void) {
    mode = OFF;
    if (trace >= 0) close(trace);
    trace = -1;
}

__attribute__((constructor)) void fault_arm(void) {
    const char *asked = getenv("FAULT_MODE"), *below = getenv("FAULT_UNDER"), *lines = getenv("FAULT_TRACE");
    fault_disarm();
    if (!asked || !below || !realpath(below, under)) return;
    at = number("FAULT_AT"), calls = number("FAULT_CALLS"), half = (int)number("FAULT_HALF"), seen = 0;
    if (lines && *lines) trace = REAL(open64)(lines, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    mode = !strcmp(asked, "kill") ? KILL : !strcmp(asked, "full") ? FULL : TRACE;
}

/* Whether the fault has come, or would have. */
int fault_struck(void) { return seen >= at; }

static void die(void) {
    kill(getpid(), SIGKILL);
    pause();
}

static int is_below(const char *path) {
    size_t length = strlen(under);
    return !strncmp(path, under, length) && (path[length] == '/' || !path[length]);
}

static const char *path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static const char *absolute(int folder, const char *name, char *path) {
    char base[PATH_MAX];
    if (*name == '/') return name;
    if (folder != AT_FDCWD) path_of(folder, base);
    else if (!getcwd(base, sizeof base)) *base = 0;
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX / 2, base, name);
    return path;
}

static int is_there(const char *path) { return !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW); }

/* Counts a call, and returns whether it succeeds, writes half, or fails. */
static enum verdict strike(const char *call, enum need need, const char *path, const char *other) {
    if (mode == OFF || !(is_below(path) || (other && is_below(other)))) return GO;
    if (trace >= 0) {
        char line[2 * PATH_MAX + 32];
        int length = snprintf(line, sizeof line, "%s\t%s%s%s\n", call, path, other ? "\t" : "", other ? other : "");
        REAL(write)(trace, line, (size_t)length);
    }
    if (mode == FULL && need == NO_SPACE) return GO;
    long turn = ++seen;
    if (mode == KILL && turn == at) {
        if (half && need == BYTES) return HALF;
        die();
    }
    if (mode == FULL && turn >= at && (!calls || turn < at + calls))
        return half && need == BYTES && turn == at ? HALF : FAIL;
    return GO;
}

#define FAIL_IF_FULL(verdict) \
    if ((verdict) == FAIL) { \
        errno = ENOSPC; \
        return -1; \
    }

/* A call that writes `size` bytes: REAL call with all of them, or with a half. */
#define WRITE(call, descriptor, size, with) \
    char path[PATH_MAX]; \
    enum verdict verdict = strike(#call, BYTES, path_of(descriptor, path), NULL); \
    FAIL_IF_FULL(verdict) \
    if (verdict == HALF) { \
        size /= 2; \
        ssize_t done = REAL(call) with; \
        if (mode == KILL) die(); \
        return done; \
    } \
    return REAL(call) with;

ssize_t write(int fd, const void *data, size_t size) { WRITE(write, fd, size, (fd, data, size)) }
ssize_t pwrite(int fd, const void *data, size_t size, off_t to) { WRITE(pwrite, fd, size, (fd, data, size, to)) }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t to) { WRITE(pwrite64, fd, size, (fd, data, size, to)) }
ssize_t writev(int fd, const struct iovec *parts, int count) { WRITE(writev, fd, count, (fd, parts, count)) }
ssize_t sendfile64(int fd, int from, off64_t *start, size_t size) {
    WRITE(sendfile64, fd, size, (fd, from, start, size))
}
ssize_t copy_file_range(int from, off64_t *start, int fd, off64_t *to, size_t size, unsigned flags) {
    WRITE(copy_file_range, fd, size, (from, start, fd, to, size, flags))
}

/* Of the calls that open a file, only those that create or truncate it change anything. */
#define OPEN(call, folder, name, flags, with) \
    va_list rest; \
    va_start(rest, flags); \
    int makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE; \
    mode_t bits = makes ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (flags & (O_CREAT | O_TRUNC)) { \
        char path[PATH_MAX]; \
        const char *whole = absolute(folder, name, path); \
        FAIL_IF_FULL(strike(#call, is_there(whole) ? NO_SPACE : SPACE, whole, NULL)) \
    } \
    return REAL(call) with;

int open(const char *name, int flags, ...) { OPEN(open, AT_FDCWD, name, flags, (name, flags, bits)) }
int open64(const char *name, int flags, ...) { OPEN(open64, AT_FDCWD, name, flags, (name, flags, bits)) }
int openat(int folder, const char *name, int flags, ...) {
    OPEN(openat, folder, name, flags, (folder, name, flags, bits))
}
int openat64(int folder, const char *name, int flags, ...) {
    OPEN(openat64, folder, name, flags, (folder, name, flags, bits))
}

#define SYNC(call, descriptor) \
    char path[PATH_MAX]; \
    strike(#call, NO_SPACE, path_of(descriptor, path), NULL); \
    return mode != OFF && is_below(path) ? 0 : REAL(call)(descriptor);

int fsync(int fd) { SYNC(fsync, fd) }
int fdatasync(int fd) { SYNC(fdatasync, fd) }

#define TRUNCATE(call, descriptor, size) \
    char path[PATH_MAX]; \
    struct stat now; \
    enum need need = !fstat(descriptor, &now) && now.st_size >= size ? NO_SPACE : SPACE; \
    FAIL_IF_FULL(strike(#call, need, path_of(descriptor, path), NULL)) \
    return REAL(call)(descriptor, size);

int ftruncate(int fd, off_t size) { TRUNCATE(ftruncate, fd, size) }
int ftruncate64(int fd, off64_t size) { TRUNCATE(ftruncate64, fd, size) }

/* Calls that create, move or remove a name change nothing where the name does not exist. */
#define ON_PATH(call, folder, name, need, with) \
    char path[PATH_MAX]; \
    const char *whole = absolute(folder, name, path); \
    if (need == SPACE || is_there(whole)) FAIL_IF_FULL(strike(#call, need, whole, NULL)) \
    return REAL(call) with;

int unlink(const char *name) { ON_PATH(unlink, AT_FDCWD, name, NO_SPACE, (name)) }
int unlinkat(int folder, const char *name, int flags) {
    ON_PATH(unlinkat, folder, name, NO_SPACE, (folder, name, flags))
}
int rmdir(const char *name) { ON_PATH(rmdir, AT_FDCWD, name, NO_SPACE, (name)) }
int mkdir(const char *name, mode_t bits) { ON_PATH(mkdir, AT_FDCWD, name, SPACE, (name, bits)) }
int mkdirat(int folder, const char *name, mode_t bits) { ON_PATH(mkdirat, folder, name, SPACE, (folder, name, bits)) }

#define ON_TWO_PATHS(call, folder, name, other_folder, other, need, with) \
    char path[PATH_MAX], to[PATH_MAX]; \
    const char *whole = absolute(folder, name, path); \
    if (is_there(whole)) FAIL_IF_FULL(strike(#call, need, whole, absolute(other_folder, other, to))) \
    return REAL(call) with;

int rename(const char *name, const char *other) {
    ON_TWO_PATHS(rename, AT_FDCWD, name, AT_FDCWD, other, NO_SPACE, (name, other))
}
int renameat(int folder, const char *name, int other_folder, const char *other) {
    ON_TWO_PATHS(renameat, folder, name, other_folder, other, NO_SPACE, (folder, name, other_folder, other))
}
int renameat2(int folder, const char *name, int other_folder, const char *other, unsigned flags) {
    ON_TWO_PATHS(renameat2, folder, name, other_folder, other, NO_SPACE, (folder, name, other_folder, other, flags))
}
int link(const char *name, const char *other) {
    ON_TWO_PATHS(link, AT_FDCWD, name, AT_FDCWD, other, SPACE, (name, other))
}
int linkat(int folder, const char *name, int other_folder, const char *other, int flags) {
    ON_TWO_PATHS(linkat, folder, name, other_folder, other, SPACE, (folder, name, other_folder, other, flags))
}
