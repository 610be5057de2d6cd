#include "bench/newsbench/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 16384

/* Of a small file of /proc, NUL-terminated. */
static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    return fclose(file) == 0 && len > 0;
}

/* The number after `name` at the beginning of a line; 0: none. */
static double number_of(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        if (*at == '\n') at++;
        if (strncmp(at, name, len) == 0) return strtod(at + len, NULL);
    }
    return 0;
}

/* --- processes ----------------------------------------------------------------------------- */

static void read_cpu_clock(pid_t pid, struct process_reading *out)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
        out->cpu_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* proc(5): fields 14 and 15, after the name, which may have anything in it. */
static void read_ticks(pid_t pid, struct process_reading *out)
{
    char path[64], text[1024];
    unsigned long user, system;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *at = read_text(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!at ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return;
    double all = (double)(user + system);
    out->user_s = all > 0 ? out->cpu_s * (double)user / all : out->cpu_s;
    out->system_s = out->cpu_s - out->user_s;
}

static void read_thread(pid_t pid, const char *thread, struct process_reading *out)
{
    char path[300], text[4096];
    double ran, waited;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, thread);
    if (read_text(path, text, sizeof text)) {
        out->voluntary += number_of(text, "voluntary_ctxt_switches:");
        out->involuntary += number_of(text, "nonvoluntary_ctxt_switches:");
        out->peak_bytes = number_of(text, "VmHWM:") * 1024;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, thread);
    if (read_text(path, text, sizeof text) && sscanf(text, "%lf %lf", &ran, &waited) == 2)
        out->waited_s += waited / 1e9;
}

bool procfs_process(pid_t pid, struct process_reading *out)
{
    char path[64];
    *out = (struct process_reading){0};
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads) return false;
    read_cpu_clock(pid, out);
    read_ticks(pid, out);
    for (struct dirent *e; (e = readdir(threads));)
        if (isdigit((unsigned char)*e->d_name)) read_thread(pid, e->d_name, out);
    closedir(threads);
    return true;
}

/* --- the machine --------------------------------------------------------------------------- */

/* proc(5): "cpu user nice system idle iowait irq softirq steal ...". */
void procfs_machine(struct machine_reading *out)
{
    char text[1024];
    double field[8] = {0}, ticks = (double)sysconf(_SC_CLK_TCK);
    *out = (struct machine_reading){NAN, NAN, NAN};
    if (!read_text("/proc/stat", text, sizeof text) ||
        sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &field[0], &field[1], &field[2],
               &field[3], &field[4], &field[5], &field[6], &field[7]) != 8)
        return;
    *out = (struct machine_reading){.softirq_s = field[6] / ticks, .steal_s = field[7] / ticks};
    for (int i = 0; i < 8; i++)
        out->total_s += field[i] / ticks;
}

/* Two lines for each protocol: names, then values. */
static double snmp_value(const char *text, const char *protocol, const char *name)
{
    size_t len = strlen(protocol);
    const char *names = NULL, *values = NULL;
    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        if (*at == '\n') at++;
        if (strncmp(at, protocol, len) != 0 || at[len] != ':') continue;
        if (!names) names = at;
        else if (!values) values = at;
    }
    while (names && values && *names != '\n' && *values) {
        if (strncmp(names, name, strlen(name)) == 0 && isspace((unsigned char)names[strlen(name)]))
            return strtod(values, NULL);
        names += strcspn(names, " \n");
        values += strcspn(values, " \n");
        names += *names == ' ';
        values += *values == ' ';
    }
    return NAN;
}

void procfs_network(pid_t pid, struct network_reading *out)
{
    char path[64], text[TEXT_MAX];
    *out = (struct network_reading){NAN, NAN};
    (void)snprintf(path, sizeof path, "/proc/%d/net/snmp", (int)pid);
    if (!read_text(path, text, sizeof text)) return;
    out->udp_receive_errors = snmp_value(text, "Udp", "RcvbufErrors");
    out->tcp_retransmitted = snmp_value(text, "Tcp", "RetransSegs");
}

bool procfs_same_network(pid_t a, pid_t b)
{
    char path[64], name[2][64];
    const pid_t pids[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pids[i]);
        ssize_t len = readlink(path, name[i], sizeof name[i] - 1);
        if (len < 0) return false;
        name[i][len] = '\0';
    }
    return strcmp(name[0], name[1]) == 0;
}
