/* publisher/config.h - the daemon's configuration file.
 *
 * Lines before the first section are options of newspub ("broker = mqtt://localhost"), as in every
 * other configuration file; each section is a source:
 *     [NAME]                       letters, digits, dashes; also its service, unless it says one
 *     feed = URL or path           exactly one of these three; a path may be relative to the
 *     spool = DIR                  folder of the configuration file
 *     fifo = PATH
 *     service, lang, subject, urgency
 *     interval                     feeds only: 1m to 30d, default 15m
 * docs/newspub-run.conf explains every key. Errors name file, line, section and key. */
#ifndef PUBLISHER_CONFIG_H
#define PUBLISHER_CONFIG_H

#include "common/options.h"

#define CONFIG_SOURCES_MAX  2000
#define CONFIG_NAME_MAX     63   /* bytes of a source's name */
#define CONFIG_LOCATION_MAX 2047 /* bytes of a URL or path: what the journal has room for */

enum source_kind { SOURCE_FEED, SOURCE_SPOOL, SOURCE_FIFO };

struct source_config {
    const char *name;
    enum source_kind kind;
    const char *location;           /* http or https URL, or an absolute path */
    const char *service;            /* a slug is made of it; defaults to name */
    const char *language, *subject; /* NULL: not given */
    int urgency;                    /* 0: not given */
    int64_t interval_ms;            /* of a feed */
    unsigned long line;             /* of the section */
};

struct config {
    struct source_config *sources;
    size_t count;
    struct arena *memory; /* owns all of it */
};

/* Reads the sections; options_load_sections() of o takes what stands before them. False: err is
 * "FILE:LINE: [section] key: what" of code NEWS_ERR_CONFIG; nothing is to be used. */
bool config_read(const char *path, struct options *o, struct config *out, struct news_error *err);
void config_deinit(struct config *c);

#endif
