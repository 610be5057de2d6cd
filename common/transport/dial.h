/* common/transport/dial.h - the options every program has for reaching a broker, and the link that
 * is made of them. */
#ifndef NEWS_DIAL_H
#define NEWS_DIAL_H

#include "common/options.h"
#include "common/transport/link.h"

#define DIAL_BROKER   "mqtt://localhost"
#define DIAL_PACKET_MAX ((4u << 20) + (64u << 10)) /* the largest item, its topic and properties */
#define DIAL_PASSWORD 1024 /* bytes of a password, with its NUL */

struct dial_settings {
    struct option_list brokers;
    const char *password_file, *psk_file, *id, *config;
    long long qos, connect_timeout_ms, window, mqtt_version;
    bool session, nagle, clear, multicast, verbose;
    char password[DIAL_PASSWORD]; /* read by dial_read_password() */
};

/* clang-format off: a table reads best with a row for each option. */
/* The rows of a program's option table; member is the struct dial_settings in its settings. */
#define DIAL_OPTIONS(settings, member)                                                             \
    {.help = "Connection"},                                                                        \
    {.name = "broker", .letter = 'b', .type = OPTION_LIST, .argument = "URL",                      \
     .at = offsetof(settings, member.brokers),                                                     \
     .help = "where to connect: mqtt://[user@]host[:1883], or a newsrelay: nrp://host[:7788], "    \
             "nrp+udp://host[:7788], nrp+unix:///path. Several are an order of preference "        \
             "(default $NEWSWIRE_BROKER, or mqtt://localhost)"},                                   \
    {.name = "password-file", .type = OPTION_TEXT, .argument = "FILE",                             \
     .at = offsetof(settings, member.password_file),                                               \
     .help = "the login's password: the first line of FILE, which only its owner may read"},       \
    {.name = "psk-file", .type = OPTION_TEXT, .argument = "FILE",                                  \
     .at = offsetof(settings, member.psk_file),                                                    \
     .help = "the key for a newsrelay, as newsrelay keygen makes it: the first one of FILE, "      \
             "which only its owner may read. Frames are encrypted with it"},                       \
    {.name = "clear", .type = OPTION_FLAG, .at = offsetof(settings, member.clear),                 \
     .help = "with --psk-file: frames are authenticated, but readable (to watch them)"},           \
    {.name = "id", .type = OPTION_TEXT, .argument = "ID", .at = offsetof(settings, member.id),     \
     .help = "client id (default: made up)"},                                                      \
    {.name = "qos", .type = OPTION_NUMBER, .argument = "0|1", .fallback = "1", .most = 1,          \
     .at = offsetof(settings, member.qos),                                                         \
     .help = "quality of service; with 0 an item counts as sent once it is written"},              \
    {.name = "connect-timeout", .type = OPTION_TIME, .argument = "TIME", .fallback = "10s",        \
     .at = offsetof(settings, member.connect_timeout_ms),                                          \
     .help = "give up when nothing could be reached for so long at the start; 0: never"},          \
    {.name = "mqtt", .type = OPTION_NUMBER, .argument = "4|5", .fallback = "0", .most = 5,         \
     .at = offsetof(settings, member.mqtt_version),                                                \
     .help = "MQTT version: 5, 4 (that is 3.1.1), or 0: 5 and then 4"},                            \
    {.name = "nagle", .type = OPTION_FLAG, .at = offsetof(settings, member.nagle),                 \
     .help = "leave Nagle's algorithm on, to see what it does"}

#define DIAL_GENERAL_OPTIONS(settings, member)                                                     \
    {.help = "General"},                                                                           \
    {.name = "config", .letter = 'c', .type = OPTION_TEXT, .argument = "FILE",                     \
     .at = offsetof(settings, member.config), .help = "settings as \"name = value\" lines"},       \
    {.name = "verbose", .letter = 'v', .type = OPTION_FLAG,                                        \
     .at = offsetof(settings, member.verbose), .help = "say what happens, on standard error"},     \
    {.name = "version", .letter = 'V', .type = OPTION_ACTION, .help = "print the version"},        \
    {.name = "help", .letter = 'h', .type = OPTION_ACTION, .help = "print this text"}
/* clang-format on */

/* Reads the password file, if there is one. Refused: a file that others may read, and a password
 * on an unencrypted way to another machine. */
bool dial_read_password(struct dial_settings *s, struct news_error *err);

/* The first broker of the list. */
const char *dial_first_broker(const struct dial_settings *s);

/* will: NULL none. */
struct link *dial_open(const struct dial_settings *s, const struct message *will,
                       const struct link_events *events, struct news_error *err);

#endif
