#include "common/mediatopic.h"

#include <stdlib.h>
#include <string.h>

static const char *const tops[] = {
    /* by code: 01 is the first */
    "arts",    "crime",          "disaster", "economy",   "education", "environment",
    "health",  "human-interest", "labour",   "lifestyle", "politics",  "religion",
    "science", "society",        "sport",    "conflict",  "weather",
};

/* Words that desks and feeds use for their sections. Sorted by byte, for bsearch(). */
static const struct word {
    const char *key, *path;
} words[] = {
    {"ambiente", "environment"},
    {"arbeit", "labour"},
    {"armed-conflict", "conflict"},
    {"arte", "arts"},
    {"arts", "arts"},
    {"arts-and-culture", "arts"},
    {"arts-culture-entertainment-and-media", "arts"},
    {"athletics", "sport/athletics"},
    {"basketball", "sport/basketball"},
    {"bildung", "education"},
    {"boerse", "economy/markets"},
    {"books", "arts/books"},
    {"borse", "economy/markets"},
    {"business", "economy"},
    {"ciencia", "science"},
    {"cinema", "arts/cinema"},
    {"climate", "environment/climate"},
    {"conflict", "conflict"},
    {"conflict-war-and-peace", "conflict"},
    {"cricket", "sport/cricket"},
    {"crime", "crime"},
    {"crime-law-and-justice", "crime"},
    {"cultura", "arts"},
    {"culture", "arts"},
    {"cycling", "sport/cycling"},
    {"cyclisme", "sport/cycling"},
    {"deporte", "sport"},
    {"deportes", "sport"},
    {"desporto", "sport"},
    {"disaster", "disaster"},
    {"disaster-accident-and-emergency-incident", "disaster"},
    {"economia", "economy"},
    {"economie", "economy"},
    {"economy", "economy"},
    {"economy-business-and-finance", "economy"},
    {"educacion", "education"},
    {"education", "education"},
    {"elecciones", "politics/elections"},
    {"elections", "politics/elections"},
    {"entertainment", "arts/entertainment"},
    {"environment", "environment"},
    {"environnement", "environment"},
    {"esporte", "sport"},
    {"faits-divers", "crime"},
    {"film", "arts/cinema"},
    {"finance", "economy/finance"},
    {"football", "sport/football"},
    {"fussball", "sport/football"},
    {"futbol", "sport/football"},
    {"futebol", "sport/football"},
    {"fu\xc3\x9f"
     "ball",
     "sport/football"},
    {"gesellschaft", "society"},
    {"gesundheit", "health"},
    {"guerre", "conflict"},
    {"health", "health"},
    {"human-interest", "human-interest"},
    {"justice", "crime"},
    {"justiz", "crime"},
    {"konflikt", "conflict"},
    {"kriminalitat", "crime"},
    {"kultur", "arts"},
    {"labor", "labour"},
    {"labour", "labour"},
    {"leichtathletik", "sport/athletics"},
    {"lifestyle", "lifestyle"},
    {"lifestyle-and-leisure", "lifestyle"},
    {"literature", "arts/books"},
    {"markets", "economy/markets"},
    {"medio-ambiente", "environment"},
    {"meteo", "weather"},
    {"music", "arts/music"},
    {"musica", "arts/music"},
    {"musik", "arts/music"},
    {"musique", "arts/music"},
    {"people", "human-interest"},
    {"politica", "politics"},
    {"politics", "politics"},
    {"politics-and-government", "politics"},
    {"politik", "politics"},
    {"politika", "politics"},
    {"politique", "politics"},
    {"religion", "religion"},
    {"rugby", "sport/rugby"},
    {"salud", "health"},
    {"sante", "health"},
    {"saude", "health"},
    {"science", "science"},
    {"science-and-technology", "science"},
    {"sciences", "science"},
    {"soccer", "sport/football"},
    {"sociedad", "society"},
    {"sociedade", "society"},
    {"societe", "society"},
    {"society", "society"},
    {"sport", "sport"},
    {"sports", "sport"},
    {"tech", "science/technology"},
    {"technik", "science/technology"},
    {"technologie", "science/technology"},
    {"technology", "science/technology"},
    {"tecnologia", "science/technology"},
    {"tennis", "sport/tennis"},
    {"theater", "arts/theatre"},
    {"theatre", "arts/theatre"},
    {"tiempo", "weather"},
    {"trabajo", "labour"},
    {"travail", "labour"},
    {"travel", "lifestyle/travel"},
    {"umwelt", "environment"},
    {"unrest", "conflict"},
    {"war", "conflict"},
    {"weather", "weather"},
    {"wetter", "weather"},
    {"wirtschaft", "economy"},
    {"wissenschaft", "science"},
    {"\xd0\xba\xd1\x83\xd0\xbb\xd1\x8c\xd1\x82\xd1\x83\xd1\x80\xd0\xb0", "arts"}, /* культура */
    {"\xd0\xbf\xd0\xbe\xd0\xbb\xd0\xb8\xd1\x82\xd0\xb8\xd0\xba\xd0\xb0", "politics"}, /* политика */
    {"\xd1\x81\xd0\xbf\xd0\xbe\xd1\x80\xd1\x82", "sport"}, /* спорт */
    {"\xd1\x8d\xd0\xba\xd0\xbe\xd0\xbd\xd0\xbe\xd0\xbc\xd0\xb8\xd0\xba\xd0\xb0",
     "economy"},                                                     /* экономика */
    {"\xd8\xa7\xd9\x82\xd8\xaa\xd8\xb5\xd8\xa7\xd8\xaf", "economy"}, /* اقتصاد */
    {"\xd8\xb1\xd9\x8a\xd8\xa7\xd8\xb6\xd8\xa9", "sport"},           /* رياضة */
    {"\xd8\xb3\xd9\x8a\xd8\xa7\xd8\xb3\xd8\xa9", "politics"},        /* سياسة */
    {"\xe4\xbd\x93\xe8\x82\xb2", "sport"},                           /* 体育 */
    {"\xe6\x94\xbf\xe6\xb2\xbb", "politics"},                        /* 政治 */
    {"\xe7\xa7\x91\xe6\x8a\x80", "science/technology"},              /* 科技 */
    {"\xe7\xbb\x8f\xe6\xb5\x8e", "economy"},                         /* 经济 */
};

const char *mediatopic_code(const char *text, size_t len)
{
    if (len < 8) return NULL;
    const char *code = text + len - 8; /* the identifier ends with it */
    for (size_t i = 0; i < 8; i++)
        if (code[i] < '0' || code[i] > '9') return NULL;
    return len == 8 || code[-1] == '/' || code[-1] == ':' ? code : NULL;
}

const char *mediatopic_of_code(const char *text, size_t len)
{
    const char *code = mediatopic_code(text, len);
    if (!code) return NULL;
    size_t top = (size_t)(code[0] - '0') * 10 + (size_t)(code[1] - '0');
    return top >= 1 && top <= sizeof tops / sizeof *tops ? tops[top - 1] : NULL;
}

static int word_compare(const void *key, const void *word)
{
    return strcmp(key, ((const struct word *)word)->key);
}

const char *mediatopic_of_word(const char *key)
{
    const struct word *w = bsearch(key, words, sizeof words / sizeof *words, sizeof *words,
                                   word_compare);
    return w ? w->path : NULL;
}

const char *mediatopic_word(size_t i)
{
    return i < sizeof words / sizeof *words ? words[i].key : NULL;
}
