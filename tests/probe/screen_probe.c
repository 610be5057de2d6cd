/* screen_probe - watches a full-screen program as a person would, and measures: how long until
 * something is seen, how long a key takes to show its effect, memory and CPU.
 *
 *     screen_probe first TEXT PROGRAM...       until TEXT is on the screen; resident memory then
 *     screen_probe keys COUNT TEXT PROGRAM...  then COUNT times j and k in turn, 50 ms apart, each
 *                                              until the cursor's line has moved
 *     screen_probe quiet TEXT PROGRAM...       then until it uses no CPU any more, and what it uses
 * in the ten seconds after that One line on standard output, milliseconds and KiB; the program is
 * ended with Q. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/vt.h"

enum { ROWS = 50, COLUMNS = 160, PATIENCE_MS = 20000, KEY_PAUSE_MS = 50, KEYS_MAX = 10000 };

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The value behind a name in /proc/PID/status, in KiB. */
static long status_kib(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0) value = atol(line + strlen(name) + 1);
    if (f) (void)fclose(f);
    return value;
}

/* User and system time of the process in milliseconds. */
static double cpu_ms(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, kernel = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) (void)fclose(f);
    text[n] = '\0';
    const char *behind = strrchr(text, ')');
    if (behind)
        (void)sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                     &kernel);
    return (double)(user + kernel) * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

/* The row that the cursor's look fills to the edge. Title and status lines are the outermost. */
static int selected_row(struct vt *v)
{
    for (int row = 1; row < ROWS - 2; row++) {
        struct vt_cell cell = vt_cell(v, row, 0);
        if (cell.reverse || cell.background != VT_DEFAULT) return row;
    }
    return -1;
}

struct moved {
    struct vt *vt;
    int from;
};

static bool has_moved(void *user)
{
    const struct moved *m = user;
    int row = selected_row(m->vt);
    return row >= 0 && row != m->from;
}

static bool never(void *user)
{
    (void)user;
    return false;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int measure_keys(struct vt *v, int count)
{
    static double took[KEYS_MAX];
    double start = now_ms(), cpu = cpu_ms(vt_pid(v));
    for (int i = 0; i < count; i++) {
        struct moved m = {v, selected_row(v)};
        double typed = now_ms();
        vt_type(v, i % 2 ? "k" : "j");
        if (!vt_wait(v, has_moved, &m, PATIENCE_MS)) {
            (void)fprintf(stderr, "screen_probe: key %d had no effect:\n%s", i, vt_screen(v));
            return 1;
        }
        took[i] = now_ms() - typed;
        (void)vt_wait(v, never, NULL, KEY_PAUSE_MS);
    }
    cpu = (cpu_ms(vt_pid(v)) - cpu) / (now_ms() - start);
    qsort(took, (size_t)count, sizeof *took, by_value);
    printf("keys %d median %.1f p99 %.1f most %.1f ms, cpu %.0f %% of a core, resident %ld KiB\n",
           count, took[count / 2], took[count * 99 / 100], took[count - 1], cpu * 100,
           status_kib(vt_pid(v), "VmRSS"));
    return 0;
}

static int measure_quiet(struct vt *v)
{
    double start = now_ms(), used = cpu_ms(vt_pid(v)), before = used, busy = now_ms();
    for (int still = 0; still < 2; before = used) {
        (void)vt_wait(v, never, NULL, 1000);
        used = cpu_ms(vt_pid(v));
        still = used > before ? 0 : still + 1;
        if (used > before) busy = now_ms();
    }
    (void)vt_wait(v, never, NULL, 10000);
    printf("quiet after %.1f s, having used %.1f s of CPU; in ten idle seconds %.0f ms; resident "
           "%ld KiB\n",
           (busy - start) / 1e3, used / 1e3, cpu_ms(vt_pid(v)) - used,
           status_kib(vt_pid(v), "VmRSS"));
    return 0;
}

static int measure_first(struct vt *v, double start)
{
    printf("first %.1f ms, resident %ld KiB\n", now_ms() - start, status_kib(vt_pid(v), "VmRSS"));
    return 0;
}

int main(int argc, char **argv)
{
    bool keys = argc > 4 && strcmp(argv[1], "keys") == 0;
    bool quiet = argc > 3 && strcmp(argv[1], "quiet") == 0;
    bool first = argc > 3 && strcmp(argv[1], "first") == 0;
    int at = keys ? 3 : 2, count = keys ? atoi(argv[2]) : 0, status = 1;
    if (!(keys || quiet || first) || argc < at + 2 || (keys && (count < 1 || count > KEYS_MAX))) {
        (void)fputs("usage: screen_probe first TEXT PROGRAM... | keys COUNT TEXT PROGRAM... | "
                    "quiet TEXT PROGRAM...\n",
                    stderr);
        return 64;
    }
    double start = now_ms();
    const struct vt_options o = {
        .argv = (const char *const *)(argv + at + 1), .rows = ROWS, .columns = COLUMNS};
    struct vt *v = vt_start(&o);
    if (!v || !vt_expect(v, argv[at], PATIENCE_MS)) {
        (void)fprintf(stderr, "screen_probe: \"%s\" did not come:\n%s", argv[at],
                      v ? vt_screen(v) : "");
    } else {
        status = keys ? measure_keys(v, count) : quiet ? measure_quiet(v) : measure_first(v, start);
    }
    if (v) {
        vt_type(v, "Q");
        (void)vt_wait_end(v, PATIENCE_MS);
    }
    vt_free(v);
    return status;
}
