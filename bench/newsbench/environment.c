#include "bench/newsbench/environment.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define SLEEPS 100

struct section {
    json_t *facts;
};

static struct section add_section(json_t *all, const char *name)
{
    json_t *facts = json_array();
    json_array_append_new(all, json_pack("{s:s,s:O*}", "section", name, "facts", facts));
    json_decref(facts); /* the section has it */
    return (struct section){facts};
}

__attribute__((format(printf, 3, 4))) static void add(struct section s, const char *name,
                                                      const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *value = json_string(text); /* NULL: not UTF-8 */
    if (!value) value = json_string("(not text)");
    json_array_append_new(s.facts, json_pack("{s:s,s:o}", "name", name, "value", value));
}

/* The first line of a file, or what comes after a key in it ("model name\t: "). */
static bool file_line(const char *path, const char *key, char *out, size_t size)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        size_t skip = key ? strlen(key) : 0;
        if (key && strncmp(line, key, skip) != 0) continue;
        skip += strspn(line + skip, " \t:");
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(out, size, "%s", line + skip);
        found = true;
    }
    if (f) (void)fclose(f);
    return found;
}

static void add_file(struct section s, const char *name, const char *path, const char *key)
{
    char text[1024];
    add(s, name, "%s", file_line(path, key, text, sizeof text) ? text : "unknown");
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How much longer than asked for a sleep of 1 ms takes. */
static void add_timers(struct section s)
{
    int64_t over[SLEEPS], began = now_ns();
    for (int i = 0; i < 1000; i++)
        (void)now_ns();
    add(s, "clock_gettime", "%lld ns", (long long)(now_ns() - began) / 1000);
    for (int i = 0; i < SLEEPS; i++) {
        int64_t from = now_ns();
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
        over[i] = now_ns() - from - 1000000;
    }
    qsort(over, SLEEPS, sizeof *over, by_value);
    add(s, "sleep of 1 ms is late by", "%lld µs in the median, %lld µs at most of %d",
        (long long)over[SLEEPS / 2] / 1000, (long long)over[SLEEPS - 1] / 1000, SLEEPS);
}

static void add_command(struct section s, int argc, char **argv)
{
    char text[1024] = "";
    for (int i = 0; i < argc; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", argv[i]);
    }
    add(s, "command", "%s", text);
}

static void add_machine(struct section s)
{
    struct utsname u;
    struct sysinfo m;
    char cpu[256] = "unknown";
    if (uname(&u) == 0) add(s, "kernel", "%s %s %s", u.sysname, u.release, u.machine);
    (void)file_line("/proc/cpuinfo", "model name", cpu, sizeof cpu);
    add(s, "processor", "%s", cpu);
    add(s, "cores", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    bool guest = false;
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[4096];
    while (f && !guest && fgets(line, sizeof line, f))
        guest = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor") != NULL;
    if (f) (void)fclose(f);
    add(s, "virtual machine", "%s", guest ? "yes" : "no sign of it");
    if (sysinfo(&m) == 0)
        add(s, "memory", "%llu MiB", (unsigned long long)m.totalram * m.mem_unit >> 20);
    add_file(s, "load before", "/proc/loadavg", NULL);
    add_file(s, "clock source", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
             NULL);
    add_file(s, "frequency governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
             NULL);
    add_file(s, "congestion control of the kernel", "/proc/sys/net/ipv4/tcp_congestion_control",
             NULL);
    add_timers(s);
}

static void add_program(struct section s, const char *name, const char *command)
{
    char line[256] = "not found";
    FILE *f = popen(command, "re");
    if (f && fgets(line, sizeof line, f)) line[strcspn(line, "\n")] = '\0';
    if (f) (void)pclose(f);
    add(s, name, "%s", line);
}

json_t *environment_describe(int argc, char **argv)
{
    json_t *all = json_array();
    if (!all) return NULL;
    struct section run = add_section(all, "Run"), machine = add_section(all, "Machine");
    char text[64];
    time_t now = time(NULL);
    struct tm utc;
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    add_command(run, argc, argv);
    add(run, "begun", "%s", text);
    add(run, "newsbench", "%s", NEWS_VERSION);
    add_program(run, "mosquitto", "mosquitto -h 2>/dev/null");
    add_machine(machine);
    return all;
}
