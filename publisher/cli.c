#include "publisher/cli.h"

#include <string.h>

#include "common/topic.h"
#include "publisher/convert.h"
#include "publisher/journal.h"
#include "publisher/journal_command.h"
#include "publisher/run.h"
#include "publisher/send.h"

enum { SEND = 1, CONVERT = 2, CHECK = 4, RUN = 8, JOURNAL = 16 };

static const struct command commands[] = {
    {"send", SEND, send_run},          {"run", RUN, run_run},
    {"convert", CONVERT, convert_run}, {"check", CHECK, check_run},
    {"journal", JOURNAL, journal_run},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static void usage(FILE *out)
{
    fputs("Usage: newspub [-b URL]... [options] COMMAND [FILE...]\n"
          "\n"
          "Publishes news items to an MQTT broker or a newsrelay, as IPTC ninjs 3.1 in JSON, to\n"
          "the topic news/PUBLISHER/SERVICE/LANGUAGE/URGENCY/SUBJECT.\n"
          "\n"
          "Commands:\n"
          "  send [FILE...]            publish items and wait until the broker has them\n"
          "  run -c FILE               publish what the sources of FILE bring, for as long as it runs\n"
          "  convert [FILE...]         print the items as NDJSON; no network\n"
          "  check [FILE...]           say what is wrong, as FILE:LINE: path: message\n"
          "  journal [list|show|prune] what was accepted: a line each; items by number or uri, as\n"
          "                            JSON; delete what is older than --keep-time\n"
          "\n"
          "A FILE (none, or -: standard input) is told by its content: ninjs items, one a line\n"
          "or one JSON document; RSS 0.9x, 1.0 or 2.0; Atom 0.3 or 1.0; JSON Feed 1.0 or 1.1.\n"
          "ninjs 1.x and 2.x and the short form {\"title\":...,\"body\":...,\"link\":...} are\n"
          "upgraded; what newssub -o ndjson prints is understood, too. With --title, send and\n"
          "convert make one item of the options instead.\n"
          "\n"
          "An item is accepted when it is on disk, in the publisher's journal; it is numbered there\n"
          "and sent from there, again after any interruption, until the broker has acknowledged it.\n"
          "Subscribers ask the journal for what they missed.\n",
          out);
}

#define AT(field) .at = offsetof(struct settings, field)

/* clang-format off: a table reads best with a row for each option. */
static const struct option options[] = {
    DIAL_OPTIONS(struct settings, dial),
    {.name = "window", .type = OPTION_NUMBER, .argument = "N", .fallback = "200", .least = 1,
     .most = 10000, .commands = SEND | RUN, AT(dial.window),
     .help = "unacknowledged items at most; libmosquitto walks them all for each new one"},
    {.name = "drain-timeout", .type = OPTION_TIME, .argument = "TIME", .fallback = "30s",
     .commands = SEND, AT(drain_timeout_ms),
     .help = "how long to wait for the last acknowledgements, and for a lost broker"},
    {.name = "rate", .type = OPTION_NUMBER, .argument = "N", .fallback = "0", .most = 10000000,
     .commands = SEND, AT(rate), .help = "at most N items a second; 0: as fast as it goes"},
    {.name = "replay", .type = OPTION_TEXT, .argument = "FILE", .commands = SEND, AT(replay),
     .help = "send what newssub --record (or -o ndjson) wrote again, with the pauses between the "
             "items, to the service of then where --service is not given"},
    {.name = "speed", .type = OPTION_TEXT, .argument = "X", .commands = SEND, AT(speed),
     .help = "of --replay: X times as fast as it came; 0: as fast as it goes (default 1)"},
    {.name = "dry-run", .letter = 'n', .type = OPTION_FLAG, .commands = SEND, AT(dry_run),
     .help = "print topic and item of what would be sent, as if it was new; no journal, no network"},

    {.name = "contact", .type = OPTION_TEXT, .argument = "TEXT", .commands = RUN, AT(contact),
     .help = "a page or an address, told to the servers of feeds so that they can reach you"},

    {.help = "Journal", .commands = SEND | RUN | JOURNAL},
    {.name = "journal", .type = OPTION_TEXT, .argument = "FILE", .commands = SEND | RUN | JOURNAL,
     AT(journal),
     .help = "what was accepted (default ~/.local/state/newswire/PUBLISHER.journal)"},
    {.name = "no-journal", .type = OPTION_FLAG, .commands = SEND, AT(no_journal),
     .help = "stream without durability: what is not acknowledged at the end is lost, nobody can "
             "ask for it later, and every run has numbers of its own"},
    {.name = "keep-time", .type = OPTION_TIME, .argument = "TIME", .fallback = "7d",
     .commands = SEND | RUN | JOURNAL, AT(keep_ms),
     .help = "how long acknowledged items stay in the journal; 0: for ever"},
    {.name = "keep-items", .type = OPTION_NUMBER, .argument = "N", .fallback = "100000",
     .most = 1000000000000, .commands = SEND | RUN | JOURNAL, AT(keep_items),
     .help = "and how many of them at most; 0: any number"},
    {.name = "linger", .type = OPTION_TIME, .argument = "TIME", .fallback = "100ms",
     .commands = SEND, AT(linger_ms),
     .help = "stay connected so long after the last item, for subscribers that ask for what they "
             "missed; those who do are answered in full"},
    {.name = "lock-wait", .type = OPTION_TIME, .argument = "TIME", .fallback = "30s",
     .commands = SEND | JOURNAL, AT(lock_wait_ms),
     .help = "how long to wait for another newspub to finish with the journal"},

    {.help = "Place in the topic tree"},
    {.name = "publisher", .type = OPTION_TEXT, .argument = "NAME", AT(publisher),
     .help = "who publishes (default: the login of the broker's URL, else the user's name)"},
    {.name = "service", .type = OPTION_TEXT, .argument = "NAME", AT(service),
     .help = "wire, desk or feed (default: the item's source, such as the feed's title)"},
    {.name = "root", .type = OPTION_TEXT, .argument = "NAME", .fallback = TOPIC_ROOT, AT(root),
     .help = "first level of all topics"},

    {.help = "Said of items that do not say it themselves"},
    {.name = "lang", .type = OPTION_TEXT, .argument = "TAG", AT(language),
     .help = "language, BCP 47: en, de-AT"},
    {.name = "urgency", .type = OPTION_NUMBER, .argument = "1..9", .fallback = "5", .least = 1,
     .most = 9, AT(urgency), .help = "1 is a flash"},
    {.name = "subject", .type = OPTION_TEXT, .argument = "S", AT(subject),
     .help = "sport, politics, sport/football, medtop:15000000, ..."},

    {.help = "One item made here", .commands = SEND | CONVERT},
    {.name = "title", .type = OPTION_TEXT, .argument = "TEXT", .commands = SEND | CONVERT,
     AT(title), .help = "the headline"},
    {.name = "body", .type = OPTION_TEXT, .argument = "TEXT", .commands = SEND | CONVERT,
     AT(body), .help = "the text; empty lines part paragraphs"},
    {.name = "link", .type = OPTION_TEXT, .argument = "URL", .commands = SEND | CONVERT,
     AT(link), .help = "the story's page, http or https"},
    {.name = "by", .type = OPTION_TEXT, .argument = "NAME", .commands = SEND | CONVERT, AT(by),
     .help = "the byline"},
    {.name = "located", .type = OPTION_TEXT, .argument = "PLACE", .commands = SEND | CONVERT,
     AT(located), .help = "the dateline's place"},
    {.name = "uri", .type = OPTION_TEXT, .argument = "URI", .commands = SEND | CONVERT, AT(uri),
     .help = "the item's identity (default: a new one)"},

    {.help = "Corrections", .commands = SEND},
    {.name = "update", .type = OPTION_TEXT, .argument = "URI", .commands = SEND, AT(update),
     .help = "publish the next version of what was published as URI, with the options above in "
             "place of what it said"},
    {.name = "kill", .type = OPTION_TEXT, .argument = "URI", .commands = SEND, AT(kill),
     .help = "withdraw what was published as URI, in all its versions"},
    {.name = "note", .type = OPTION_TEXT, .argument = "TEXT", .commands = SEND, AT(note),
     .help = "why, for the desks that receive it"},

    DIAL_GENERAL_OPTIONS(struct settings, dial),
    {0},
};
/* clang-format on */

static const char *const environment[] = {"NEWSWIRE_BROKER", "broker", NULL};

const struct program newspub = {
    .name = "newspub",
    .options = options,
    .usage = usage,
    .environment = environment,
    .sections = true,
};

bool settings_journal_path(const struct settings *s, const char *publisher, char *out, size_t size,
                           struct news_error *err)
{
    if (!s->journal) return journal_default_path(publisher, out, size, err);
    int n = snprintf(out, size, "%s", s->journal);
    if (n >= 0 && (size_t)n < size) return true;
    return news_fail(err, NEWS_ERR_USAGE, "--journal: the path is too long");
}
