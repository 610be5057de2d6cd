#include "subscriber/cli.h"

#include <stdio.h>
#include <string.h>

#include "common/date.h"
#include "common/storage/db.h"
#include "subscriber/arrival.h"

static void usage(FILE *out)
{
    fputs("Usage: newssub [@PROFILE] [-b URL]... [options]\n"
          "       newssub [@PROFILE] search EXPR [options]\n"
          "\n"
          "Shows news as it comes from a broker: on a terminal as a full screen (?\n"
          "shows its keys), elsewhere as lines. Topic options become the narrowest topic\n"
          "filters, so that the broker selects; without any, all of news/# is shown.\n"
          "\"search\" looks through what was stored. @PROFILE adds the settings in section\n"
          "[PROFILE] of ~/.config/newswire/newssub.conf. docs/screen.md says more.\n"
          "\n"
          "A filter EXPR, as in: headline =~ \"budget|levy\" and (urgency <= 3 or by = lund)\n"
          "  word  \"some words\"  word*   the text has them; marks and case do not matter\n"
          "  FIELD = \"text\"   !=         the same words; subject = sport has what is below\n"
          "  FIELD =~ \"regex\" !~         finds something (PCRE2)\n"
          "  FIELD # \"word\"   !#         has the word; the subject\n"
          "  FIELD < 3   <= > >=         urgency, version, age (days, or a time: 2h)\n"
          "  FIELD between 1:4           likewise\n"
          "  unread = yes                or starred\n"
          "  and  or  not  ( )\n"
          "Besides the fields below there are text, age, unread, starred.\n"
          "\n"
          "Fields, in -o FORMAT and --columns %{field}, %{field:WIDTH} or %{field:-WIDTH}:\n",
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
    {.name = "filter",
     .letter = 'f',
     .type = OPTION_TEXT,
     .argument = "EXPR",
     AT(filter),
     .help = "of all that only what matches; what its topic can say is left to the broker"},
    {.name = "hide",
     .type = OPTION_LIST,
     .argument = "EXPR",
     AT(hide),
     .help = "nothing that matches; hidden items are stored and counted"},
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
     .help = "tui: the full screen; text: aligned lines; ndjson: a JSON object a line; tsv: "
             "sfeed(5); auto: tui on a terminal, text elsewhere and with -n or --for; or a FORMAT "
             "such as \"%{time} %{headline:60}\""},
    {.name = "highlight",
     .type = OPTION_LIST,
     .argument = "STYLE: EXPR",
     AT(highlight),
     .help = "what matches stands out, as in \"bold red: urgency = 1\""},
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
     .commands = NEWSSUB_FEED,
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
     .help = "first show the last N items, of the store and of publishers met for the first time "
             "(the full screen shows its whole store; of new publishers 100, if not said)"},
    {.name = "since",
     .type = OPTION_TEXT,
     .argument = "TIME",
     AT(since),
     .help = "first show what came since then: 2h, 7d, 2026-11-23T08:00:00Z"},
    {.name = "exec",
     .type = OPTION_TEXT,
     .commands = NEWSSUB_FEED,
     .argument = "CMD",
     AT(exec),
     .help = "run a command for each item, without a shell: its fields are in the environment "
             "(NEWSWIRE_HEADLINE, ...) and stand for %{headline}, the item is its input"},
    {.name = "record",
     .type = OPTION_TEXT,
     .commands = NEWSSUB_FEED,
     .argument = "FILE",
     AT(record),
     .help = "also append each item to FILE, as -o ndjson prints it; newspub send --replay takes it"},

    {.help = "The full screen"},
    {.name = "columns",
     .type = OPTION_TEXT,
     .argument = "FORMAT",
     AT(columns),
     .help = "what a line of the list shows, such as \"%{time} %{source:12} %{headline}\""},
    {.name = "layout",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .fallback = "auto",
     AT(layout),
     .help = "side: list and item side by side; stacked; list: one at a time; auto: by the size"},
    {.name = "newest-last",
     .type = OPTION_FLAG,
     AT(newest_last),
     .help = "the newest item at the bottom"},
    {.name = "saved-filter",
     .type = OPTION_LIST,
     .argument = "NAME EXPR",
     AT(saved_filters),
     .help = "a filter to choose with f"},
    {.name = "bind",
     .type = OPTION_LIST,
     .argument = "KEY COMMAND",
     AT(binds),
     .help = "what a key does, as in \"x toggle-star\"; ? lists the commands"},
    {.name = "colour",
     .type = OPTION_LIST,
     .argument = "ELEMENT STYLE",
     AT(colours),
     .help = "the looks of an element, as in \"flash bright-red default bold\""},
    {.name = "no-fold",
     .type = OPTION_FLAG,
     AT(no_fold),
     .help = "show a story from each publisher that has it, not once"},
    {.name = "keep-unread",
     .type = OPTION_FLAG,
     AT(keep_unread),
     .help = "opening an item does not mark it read; N does"},
    {.name = "no-mouse",
     .type = OPTION_FLAG,
     AT(no_mouse),
     .help = "leave the mouse to the terminal"},
    {.name = "browser",
     .type = OPTION_TEXT,
     .argument = "CMD",
     AT(browser),
     .help = "opens links (default $BROWSER, or xdg-open); %s is the link, else it comes last"},
    {.name = "browser-terminal",
     .type = OPTION_FLAG,
     AT(browser_terminal),
     .help = "the browser runs in this terminal; without a display it does anyway"},
    {.name = "clipboard",
     .type = OPTION_FLAG,
     AT(clipboard),
     .help = "let y put links into the terminal's clipboard (OSC 52)"},

    {.help = "What is kept"},
    {.name = "store",
     .type = OPTION_TEXT,
     .argument = "FILE",
     AT(store),
     .help = "keep items in FILE, and how far each publisher's numbers were received: what comes "
             "while we are away is asked for at the next start, and nothing is shown twice "
             "(default for the full screen: ~/.local/state/newswire/newssub.store, with a profile "
             "newssub-PROFILE.store; for lines: none)"},
    {.name = "no-store",
     .type = OPTION_FLAG,
     .commands = NEWSSUB_FEED,
     AT(no_store),
     .help = "keep nothing on disk"},
    {.name = "keep-time",
     .type = OPTION_TIME,
     .commands = NEWSSUB_FEED,
     .argument = "TIME",
     .fallback = "90d",
     AT(keep_ms),
     .help = "keep items that long; starred ones stay. 0: for ever (an archive's default, here and "
             "below)"},
    {.name = "keep-items",
     .type = OPTION_NUMBER,
     .commands = NEWSSUB_FEED,
     .argument = "N",
     .fallback = "200000",
     .most = 1000000000000,
     AT(keep_items),
     .help = "keep at most so many"},
    {.name = "keep-bytes",
     .type = OPTION_SIZE,
     .commands = NEWSSUB_FEED,
     .argument = "SIZE",
     .fallback = "2G",
     AT(keep_bytes),
     .help = "keep at most so much"},
    {.name = "no-sync",
     .type = OPTION_FLAG,
     .commands = NEWSSUB_FEED,
     AT(no_sync),
     .help = "do not ask publishers for what is missing"},
    {.name = "archive",
     .type = OPTION_FLAG,
     .commands = NEWSSUB_FEED,
     AT(archive),
     .help = "store everything, show nothing, and answer those who miss something for publishers "
             "that are offline (default ~/.local/state/newswire/newssub-archive.store)"},
    {.name = "check",
     .type = OPTION_FLAG,
     .commands = NEWSSUB_FEED,
     AT(check),
     .help = "say for each stream of --store FILE what is there, what is missing and what is gone "
             "for good; status 0 only if nothing is missing"},

    DIAL_OPTIONS(struct settings, dial),
    {.name = "session",
     .type = OPTION_FLAG,
     AT(dial.session),
     .help = "let the broker keep what comes while we are away (needs --id); for publishers that "
             "are not ours"},
    {.name = "multicast",
     .type = OPTION_FLAG,
     AT(dial.multicast),
     .help = "over nrp+udp, and IPv4: take what a newsrelay on this machine or network sends once "
             "for all (its --multicast); what does not come that way comes as without"},
    DIAL_GENERAL_OPTIONS(struct settings, dial),
    {0},
};
/* clang-format on */

static const char *const environment[] = {"NEWSWIRE_BROKER", "broker", NULL};

const struct program newssub = {
    .name = "newssub",
    .options = options,
    .usage = usage,
    .environment = environment,
    .profiles = true,
};

void settings_complete(struct settings *s, const struct options *o)
{
    s->profile = o->profile;
    s->screen_waits = !options_given(o, "connect-timeout");
    if (!s->archive) return; /* an archive keeps everything unless it is told otherwise */
    if (!options_given(o, "keep-time")) s->keep_ms = 0;
    if (!options_given(o, "keep-items")) s->keep_items = 0;
    if (!options_given(o, "keep-bytes")) s->keep_bytes = 0;
}

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

bool settings_store_path(const struct settings *s, char *out, size_t size, struct news_error *err)
{
    char file[128];
    const char *name = s->archive ? "archive" : s->profile;
    if (s->store && snprintf(out, size, "%s", s->store) < (int)size) return true;
    bool bad = s->profile && (strchr(s->profile, '/') || strlen(s->profile) > 64 ||
                              strcmp(s->profile, "archive") == 0);
    if (!s->store && bad)
        return news_fail(err, NEWS_ERR_USAGE,
                         "@%.70s: no store can have this name; say --store FILE", s->profile);
    (void)snprintf(file, sizeof file, "newssub%s%.64s.store", name ? "-" : "", name ? name : "");
    if (!s->store && db_state_path(file, out, size)) return true;
    return news_fail(err, NEWS_ERR_CONFIG,
                     "no place for the store: neither XDG_STATE_HOME nor HOME is set");
}

bool settings_since(const struct settings *s, int64_t *unix_ms, struct news_error *err)
{
    const char *text = s->since;
    long long ms;
    *unix_ms = DATE_UNKNOWN;
    if (!text) return true;
    if (options_read_time(text, &ms)) *unix_ms = date_now_ms() - ms;
    else if (!date_parse_any(text, strlen(text), unix_ms))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--since: \"%.60s\" is neither a time such as 2h nor a date", text);
    if (*unix_ms < 0) *unix_ms = 0; /* requests begin with 1970 */
    return true;
}
