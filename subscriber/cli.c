#include "subscriber/cli.h"

#include "subscriber/arrival.h"

static void usage(FILE *out)
{
    fputs("Usage: newssub [-b URL]... [options]\n"
          "\n"
          "Shows news as it comes from an MQTT broker. Topic options become the narrowest topic\n"
          "filters, so that the broker selects; without any, all of news/# is shown.\n"
          "\n"
          "Fields for -o FORMAT, as %{field}, %{field:WIDTH} or %{field:-WIDTH}:\n",
          out);
    for (size_t i = 0; field_at(i); i++)
        fprintf(out, "  %-12s %s\n", field_at(i)->name, field_at(i)->help);
}

#define AT(field) .at = offsetof(struct settings, field)

/* clang-format off: a table reads best with a row for each option. */
static const struct option options[] = {
    {.help = "What to show"},
    {.name = "publisher",
     .type = OPTION_LIST,
     .split = true,
     .argument = "NAME,...",
     AT(publishers),
     .help = "only of these publishers"},
    {.name = "service",
     .type = OPTION_LIST,
     .split = true,
     .argument = "NAME,...",
     AT(services),
     .help = "only of these wires, desks or feeds"},
    {.name = "lang",
     .type = OPTION_LIST,
     .split = true,
     .argument = "TAG,...",
     AT(languages),
     .help = "only in these languages: en, fr, zh"},
    {.name = "subject",
     .type = OPTION_LIST,
     .split = true,
     .argument = "S,...",
     AT(subjects),
     .help = "only on these subjects and what lies below them: sport, sport/football"},
    {.name = "urgency",
     .type = OPTION_RANGE,
     .argument = "A-B",
     .fallback = "1-9",
     .least = 1,
     .most = 9,
     AT(urgency),
     .help = "only of this urgency; 1 is a flash"},
    {.name = "topic",
     .letter = 't',
     .type = OPTION_LIST,
     .argument = "FILTER",
     AT(filters),
     .help = "an MQTT topic filter, besides the above"},
    {.name = "root",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .fallback = TOPIC_ROOT,
     AT(root),
     .help = "first level of all topics"},

    {.help = "How to show it"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_TEXT,
     .argument = "VIEW",
     .fallback = "auto",
     AT(output),
     .help = "text: aligned lines; ndjson: a JSON object a line; tsv: sfeed(5); auto: text; or a "
             "FORMAT such as \"%{time} %{headline:60}\""},
    {.name = "count",
     .letter = 'n',
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "0",
     .most = 1000000000000,
     AT(count),
     .help = "leave after N items; 0: never"},
    {.name = "for",
     .type = OPTION_TIME,
     .argument = "TIME",
     .fallback = "0",
     AT(for_ms),
     .help = "leave after this time: 30s, 10m, 2h; 0: never"},

    {.name = "last",
     .type = OPTION_NUMBER,
     .argument = "N",
     .fallback = "0",
     .most = 1000000,
     AT(last),
     .help = "first show the last N items, of the store and of publishers met for the first time"},
    {.name = "since",
     .type = OPTION_TEXT,
     .argument = "TIME",
     AT(since),
     .help = "first show what came since then: 2h, 7d, 2026-11-23T08:00:00Z"},

    {.help = "What is kept"},
    {.name = "store",
     .type = OPTION_TEXT,
     .argument = "FILE",
     AT(store),
     .help = "keep items in FILE, and how far each publisher's numbers were received: what comes "
             "while we are away is asked for at the next start, and nothing is shown twice"},
    {.name = "no-store",
     .type = OPTION_FLAG,
     AT(no_store),
     .help = "keep nothing (the default as yet)"},
    {.name = "no-sync",
     .type = OPTION_FLAG,
     AT(no_sync),
     .help = "do not ask publishers for what is missing"},
    {.name = "archive",
     .type = OPTION_FLAG,
     AT(archive),
     .help = "store everything, show nothing, and answer those who miss something for publishers "
             "that are offline (default ~/.local/state/newswire/newssub-archive.store)"},
    {.name = "check",
     .type = OPTION_FLAG,
     AT(check),
     .help = "say for each stream of --store FILE what is there, what is missing and what is gone "
             "for good; status 0 only if nothing is missing"},

    DIAL_OPTIONS(struct settings, dial),
    {.name = "session",
     .type = OPTION_FLAG,
     AT(dial.session),
     .help = "let the broker keep what comes while we are away (needs --id); for publishers that "
             "are not ours"},
    DIAL_GENERAL_OPTIONS(struct settings, dial),
    {0},
};
/* clang-format on */

static const char *const environment[] = {"NEWSWIRE_BROKER", "broker", NULL};

const struct program newssub = {
    .name = "newssub", .options = options, .usage = usage, .environment = environment};

struct topic_choice settings_choice(const struct settings *s)
{
    return (struct topic_choice){
        .root = s->root,
        .publishers = s->publishers.items,
        .publisher_count = s->publishers.count,
        .services = s->services.items,
        .service_count = s->services.count,
        .languages = s->languages.items,
        .language_count = s->languages.count,
        .subjects = s->subjects.items,
        .subject_count = s->subjects.count,
        .urgency_least = s->urgency.least,
        .urgency_most = s->urgency.most,
    };
}
