/* bench/newsbench/environment.h - all that a sceptic needs to know of where this was measured. */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include <jansson.h>

/* [{"section": "Machine", "facts": [{"name": "kernel", "value": "6.1.0"}]}]: command line, versions
 * and commit, kernel, CPU, cores, virtualisation, congestion control, clock source, timer
 * overshoot, offloads, governor, load; fairness settings and the configuration files given to
 * servers are added by the engine's describe function. NULL: no memory. */
json_t *environment_describe(int argc, char **argv);

#endif
