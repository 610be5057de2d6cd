#include <string.h>
#include <strings.h>

#include "publisher/feed_elements.h"

/* Equal but for case and a last '/' or '#', which authors forget. */
static bool same_uri(const char *known, const char *uri)
{
    size_t len = strlen(known);
    if (strncasecmp(known, uri, len) != 0) return false;
    return uri[len] == '\0' || (strchr("/#", uri[len]) && uri[len + 1] == '\0');
}

const struct feed_vocabulary *feed_vocabulary_of_uri(const char *uri)
{
    for (const struct feed_vocabulary *v = feed_vocabularies; v->prefix; v++) {
        for (const char *const *u = v->uris; *u; u++) {
            if (same_uri(*u, uri)) return v;
        }
    }
    return NULL;
}

const struct feed_vocabulary *feed_vocabulary_of_prefix(const char *prefix)
{
    for (const struct feed_vocabulary *v = feed_vocabularies; v->prefix; v++) {
        if (strcasecmp(v->prefix, prefix) == 0) return v;
    }
    return NULL;
}

const struct feed_element *feed_element_find(const struct feed_vocabulary *v, const char *name,
                                             enum feed_place parent)
{
    for (const struct feed_element *e = v->elements; e->name; e++) {
        if ((e->parents & FEED_IN(parent)) && strcasecmp(e->name, name) == 0) return e;
    }
    return NULL;
}

const struct feed_root *feed_root_find(const char *name, const char *version, const char *uri)
{
    static const struct feed_root roots[] = {
        {"rss", "0.90", "RSS 0.90", "rss", PLACE_ROOT},
        {"rss", "0.91", "RSS 0.91", "rss", PLACE_ROOT},
        {"rss", "0.92", "RSS 0.92", "rss", PLACE_ROOT},
        {"rss", "0.93", "RSS 0.93", "rss", PLACE_ROOT},
        {"rss", "0.94", "RSS 0.94", "rss", PLACE_ROOT},
        {"rss", "2", "RSS 2.0", "rss", PLACE_ROOT},
        {"rss", NULL, "RSS", "rss", PLACE_ROOT},
        {"RDF", NULL, "RSS 1.0", "rss", PLACE_ROOT}, /* or 0.90: the channel's namespace tells */
        {"channel", NULL, "RSS", "rss", PLACE_FEED},
        {"feed", "0.3", "Atom 0.3", "atom", PLACE_FEED},
        {"feed", "purl.org/atom/ns", "Atom 0.3", "atom", PLACE_FEED},
        {"feed", NULL, "Atom 1.0", "atom", PLACE_FEED},
    };
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        const char *mark = roots[i].mark;
        bool marked = !mark || (version && strncmp(version, mark, strlen(mark)) == 0) ||
                      (uri && strcasestr(uri, mark));
        if (marked && strcasecmp(roots[i].name, name) == 0) return &roots[i];
    }
    return NULL;
}
