/* A disk that fails on demand, loaded before libc: writes to files under FAULTY_DIRECTORY, or the
 * syncing of them, fail as the file FAULTY_ORDER says, e.g. "write 28". That one did is shown by a
 * file beside the order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The error that `operation` on `fd` is to fail with; 0 for none. */
static int fault(int fd, const char *operation)
{
    const char *directory = getenv("FAULTY_DIRECTORY"), *order = getenv("FAULTY_ORDER");
    char link[64], path[4096], text[64], ordered[16];
    int number = 0, before = errno;
    if (directory == NULL || order == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    int file = length < 0 ? -1 : open(order, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        path[length] = 0;
        length = read(file, text, sizeof text - 1);
        close(file);
        text[length < 0 ? 0 : length] = 0;
        if (strncmp(path, directory, strlen(directory)) != 0
            || sscanf(text, "%15s %d", ordered, &number) != 2 || strcmp(ordered, operation) != 0)
            number = 0;
    }
    if (number != 0) {
        snprintf(path, sizeof path, "%s.obeyed", order);
        file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file >= 0)
            close(file);
    }
    errno = before;
    return number;
}

#define FAILING(operation, type, name, parameters, arguments)                                    \
    type name parameters                                                                         \
    {                                                                                            \
        static type(*real) parameters;                                                           \
        int number = fault(fd, operation);                                                       \
        if (number != 0) {                                                                       \
            errno = number;                                                                      \
            return -1;                                                                           \
        }                                                                                        \
        if (real == NULL)                                                                        \
            real = dlsym(RTLD_NEXT, #name);                                                      \
        return real arguments;                                                                   \
    }

FAILING("write", ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
FAILING("write", ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
FAILING("write", ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
FAILING("sync", int, fsync, (int fd), (fd))
FAILING("sync", int, fdatasync, (int fd), (fd))
