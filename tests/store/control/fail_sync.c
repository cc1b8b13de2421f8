/* Preloaded under a registry: counts syncs, and fails them once a file says so.
 * SYNC_COUNT names a file that grows by one byte per completed sync; SYNC_FAIL names a file that,
 * once it exists, makes every sync fail as a broken disk would. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_by(const char *name, int fd) {
    const char *fail = getenv("SYNC_FAIL"), *count = getenv("SYNC_COUNT");
    if (fail && access(fail, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int done = real(fd);
    if (done == 0 && count) {
        int out = open(count, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (out >= 0) {
            if (write(out, "x", 1) != 1) done = done;
            close(out);
        }
    }
    return done;
}

int fsync(int fd) { return sync_by("fsync", fd); }
int fdatasync(int fd) { return sync_by("fdatasync", fd); }
