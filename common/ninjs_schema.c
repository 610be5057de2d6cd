/* The published ninjs 3.1 schema, property by property. Objects stand before what uses them. */
#include "common/ninjs_schema.h"

#include "common/ninjs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define OBJECT(name_, properties_)                                                                 \
    static const struct ninjs_object name_ = {.properties = (properties_),                         \
                                              .count = COUNT(properties_)}

#define NAME(name_) .name = (name_), .len = sizeof(name_) - 1
#define STRING(name_)                                                                              \
    {                                                                                              \
        NAME(name_), .kind = KIND_STRING                                                           \
    }
#define STRINGS(name_)                                                                             \
    {                                                                                              \
        NAME(name_), .kind = KIND_STRING, .array = true                                            \
    }
#define URI(name_)                                                                                 \
    {                                                                                              \
        NAME(name_), .kind = KIND_URI                                                              \
    }
#define DATE(name_)                                                                                \
    {                                                                                              \
        NAME(name_), .kind = KIND_DATE_TIME                                                        \
    }
#define INTEGER(name_)                                                                             \
    {                                                                                              \
        NAME(name_), .kind = KIND_INTEGER                                                          \
    }
#define NUMBER(name_)                                                                              \
    {                                                                                              \
        NAME(name_), .kind = KIND_NUMBER                                                           \
    }
#define WORD(name_, words_)                                                                        \
    {                                                                                              \
        NAME(name_), .kind = KIND_ENUM, .words = (words_)                                          \
    }
#define REQUIRED(name_, kind_)                                                                     \
    {                                                                                              \
        NAME(name_), .kind = (kind_), .required = true                                             \
    }
#define RANGE(name_, least_, most_)                                                                \
    {                                                                                              \
        NAME(name_), .kind = KIND_INTEGER, .least = (least_), .most = (most_)                      \
    }
#define ONE(name_, object_)                                                                        \
    {                                                                                              \
        NAME(name_), .kind = KIND_OBJECT, .object = &(object_)                                     \
    }
#define MANY(name_, object_)                                                                       \
    {                                                                                              \
        NAME(name_), .kind = KIND_OBJECT, .array = true, .object = &(object_)                      \
    }

static bool exactly_one(uint64_t present, unsigned a, unsigned b)
{
    return ((present >> a) & 1) != ((present >> b) & 1);
}

static const char *const types[] = {"text",      "audio",     "video", "picture",  "graphic",
                                    "composite", "component", "event", "planning", NULL};
static const char *const pub_statuses[] = {"usable", "withheld", "canceled", NULL};
static const char *const representations[] = {"full", "partial", NULL};
static const char *const scan_types[] = {"progressive", "interlaced", NULL};
static const char *const frequencies[] = {"secondly", "minutely", "hourly", "daily",
                                          "weekly",   "monthly",  "yearly", NULL};

/* ---- small objects that several others hold ---- */

static const struct ninjs_property address_p[] = {
    STRINGS("lines"), STRING("locality"), STRING("area"), STRING("postalCode"), STRING("country"),
};
OBJECT(address, address_p);

enum { CONTACT_VALUE, CONTACT_ADDRESS };
static const struct ninjs_property contact_info_p[] = {
    [CONTACT_VALUE] = STRING("value"),
    [CONTACT_ADDRESS] = ONE("address", address),
    STRING("type"),
    STRING("role"),
    STRING("lang"),
    STRING("name"),
};
static const char *contact_info_rule(uint64_t present)
{
    return exactly_one(present, CONTACT_VALUE, CONTACT_ADDRESS)
               ? NULL
               : "exactly one of value and address is needed";
}
static const struct ninjs_object contact_info = {
    .properties = contact_info_p, .count = COUNT(contact_info_p), .rule = contact_info_rule};

static const struct ninjs_property recurrence_rule_p[] = {
    WORD("frequency", frequencies),
    INTEGER("interval"),
    DATE("until"),
    INTEGER("count"),
};
OBJECT(recurrence_rule, recurrence_rule_p);

static const struct ninjs_property recurrence_p[] = {
    {NAME("recurrenceDates"), .kind = KIND_TRUNCATED, .array = true},
    MANY("recurrenceRules", recurrence_rule),
};
OBJECT(recurrence, recurrence_p);

enum { DATES_START, DATES_EXPECTED_START, DATES_END, DATES_EXPECTED_END };
static const struct ninjs_property dates_p[] = {
    [DATES_START] = DATE("startDate"),
    [DATES_EXPECTED_START] = {NAME("expectedStartDate"), .kind = KIND_TRUNCATED},
    [DATES_END] = DATE("endDate"),
    [DATES_EXPECTED_END] = {NAME("expectedEndDate"), .kind = KIND_TRUNCATED},
    STRING("expectedDuration"),
    ONE("recurrence", recurrence),
};
static const char *dates_rule(uint64_t present)
{
    return exactly_one(present, DATES_START, DATES_EXPECTED_START) ||
                   exactly_one(present, DATES_END, DATES_EXPECTED_END)
               ? NULL
               : "exactly one of startDate and expectedStartDate, or of endDate and "
                 "expectedEndDate, is needed";
}
static const struct ninjs_object dates = {
    .properties = dates_p, .count = COUNT(dates_p), .rule = dates_rule};

static const struct ninjs_property symbol_p[] = {STRING("exchange"), URI("symbolType"),
                                                 STRING("symbol")};
OBJECT(symbol, symbol_p);

static const struct ninjs_property organisation_p[] = {
    STRING("name"),    STRING("rel"),           URI("uri"),
    STRING("literal"), MANY("symbols", symbol), MANY("contactInfo", contact_info),
};
OBJECT(organisation, organisation_p);

static const struct ninjs_property poi_p[] = {INTEGER("x"), INTEGER("y")};
OBJECT(poi, poi_p);

static const struct ninjs_property rendition_p[] = {
    REQUIRED("name", KIND_STRING),
    URI("href"),
    STRING("contentType"),
    STRING("title"),
    INTEGER("width"),
    INTEGER("height"),
    INTEGER("sizeInBytes"),
    NUMBER("duration"),
    STRING("format"),
    STRING("aspectRatio"),
    STRING("videoCodec"),
    NUMBER("frameRate"),
    ONE("poi", poi),
    STRING("transportProtocol"),
    WORD("scanType", scan_types),
    STRING("bitrate"),
};
OBJECT(rendition, rendition_p);

static const struct ninjs_property text_p[] = {
    /* of headlines and descriptions */
    REQUIRED("value", KIND_STRING),
    STRING("role"),
    STRING("contentType"),
};
OBJECT(text, text_p);

static const struct ninjs_property body_p[] = {
    REQUIRED("value", KIND_STRING), STRING("role"),       STRING("contentType"),
    INTEGER("charCount"),           INTEGER("wordCount"),
};
OBJECT(body, body_p);

static const struct ninjs_property person_p[] = {
    STRING("name"), STRING("rel"), URI("uri"), STRING("literal"), MANY("contactInfo", contact_info),
};
OBJECT(person, person_p);

static const struct ninjs_property place_p[] = {
    STRING("name"),
    STRING("rel"),
    URI("uri"),
    STRING("literal"),
    MANY("contactInfo", contact_info),
    {NAME("geoJSON"), .kind = KIND_GEOJSON},
};
OBJECT(place, place_p);

static const struct ninjs_property subject_p[] = {
    STRING("name"),
    STRING("rel"),
    URI("uri"),
    STRING("literal"),
    STRING("creator"),
    RANGE("relevance", 0, 100),
    RANGE("confidence", 0, 100),
};
OBJECT(subject, subject_p);

static const struct ninjs_property event_p[] = {
    STRING("id"), STRING("name"), STRING("rel"), URI("uri"), STRING("literal"),
};
OBJECT(event, event_p);

static const struct ninjs_property object_p[] = {
    STRING("name"),
    STRING("rel"),
    URI("uri"),
    STRING("literal"),
};
OBJECT(object, object_p);

static const struct ninjs_property concept_p[] = {
    /* genres, digitalSourceType */
    STRING("name"),
    URI("uri"),
    STRING("literal"),
};
OBJECT(concept, concept_p);

static const struct ninjs_property info_source_p[] = {
    STRING("name"),
    STRING("role"),
    URI("uri"),
    STRING("literal"),
    MANY("contactInfo", contact_info),
};
OBJECT(info_source, info_source_p);

static const struct ninjs_property alt_id_p[] = {STRING("role"), STRING("value")};
OBJECT(alt_id, alt_id_p);

static const struct ninjs_property trust_indicator_p[] = {URI("role"), STRING("title"),
                                                          URI("href")};
OBJECT(trust_indicator, trust_indicator_p);

static const struct ninjs_property standard_p[] = {STRING("name"), STRING("version"),
                                                   URI("schema")};
OBJECT(standard, standard_p);

enum { RIGHTS_LINKED, RIGHTS_ENCODED };
static const struct ninjs_property rights_info_p[] = {
    [RIGHTS_LINKED] = URI("linkedRights"),
    [RIGHTS_ENCODED] = STRING("encodedRights"),
    URI("langId"),
};
static const char *rights_info_rule(uint64_t present)
{
    return exactly_one(present, RIGHTS_LINKED, RIGHTS_ENCODED)
               ? NULL
               : "exactly one of linkedRights and encodedRights is needed";
}
static const struct ninjs_object rights_info = {
    .properties = rights_info_p, .count = COUNT(rights_info_p), .rule = rights_info_rule};

/* ---- events and planning ---- */

static const struct ninjs_property event_details_p[] = {
    URI("eventStatus"),
    URI("plannedCoverageStatus"),
    ONE("dates", dates),
    ONE("organiser", organisation),
};
OBJECT(event_details, event_details_p);

static const struct ninjs_property reference_p[] = {STRING("name"), STRING("value")};
OBJECT(reference, reference_p);

static const struct ninjs_property commissioned_p[] = {STRING("by"), DATE("on"),
                                                       MANY("references", reference)};
OBJECT(commissioned, commissioned_p);

static const struct ninjs_property audience_p[] = {STRING("audience"), INTEGER("significance")};
OBJECT(audience, audience_p);

static const struct ninjs_property item_count_p[] = {INTEGER("rangeFrom"), INTEGER("rangeTo")};
OBJECT(item_count, item_count_p);

static const struct ninjs_property planned_coverage_p[] = {
    URI("uri"),
    STRING("title"),
    WORD("pubStatus", pub_statuses),
    WORD("type", types),
    ONE("commissioned", commissioned),
    ONE("dates", dates),
    MANY("audiences", audience),
    STRINGS("exclAudience"),
    STRING("edNote"),
    RANGE("urgency", 1, 9),
    STRING("language"),
    ONE("itemCount", item_count),
    INTEGER("wordCount"),
    MANY("renditions", rendition),
};
OBJECT(planned_coverage, planned_coverage_p);

/* ---- the item ---- */

static const struct ninjs_object association;

/* The first ones in the order of enum ninjs_member; the most frequent first, too. */
static const struct ninjs_property item_p[] = {
    [NINJS_URI] = REQUIRED("uri", KIND_URI),
    [NINJS_STANDARD] = ONE("standard", standard),
    [NINJS_TYPE] = WORD("type", types),
    [NINJS_VERSION] = STRING("version"),
    [NINJS_VERSION_CREATED] = DATE("versionCreated"),
    [NINJS_FIRST_CREATED] = DATE("firstCreated"),
    [NINJS_PUB_STATUS] = WORD("pubStatus", pub_statuses),
    [NINJS_URGENCY] = RANGE("urgency", 1, 9),
    [NINJS_LANGUAGE] = STRING("language"),
    [NINJS_HEADLINES] = MANY("headlines", text),
    [NINJS_BY] = STRING("by"),
    [NINJS_LOCATED] = STRING("located"),
    [NINJS_DESCRIPTIONS] = MANY("descriptions", text),
    [NINJS_BODIES] = MANY("bodies", body),
    [NINJS_SUBJECTS] = MANY("subjects", subject),
    [NINJS_INFO_SOURCES] = MANY("infoSources", info_source),
    [NINJS_RENDITIONS] = MANY("renditions", rendition),
    [NINJS_ALT_IDS] = MANY("altIds", alt_id),
    [NINJS_ED_NOTE] = STRING("edNote"),
    [NINJS_EMBARGOED_UNTIL] = DATE("embargoedUntil"),
    [NINJS_EXPIRES] = DATE("expires"),
    [NINJS_TITLE] = STRING("title"),
    [NINJS_SLUGLINE] = STRING("slugline"),
    [NINJS_PLACES] = MANY("places", place),
    WORD("representationType", representations),
    STRING("profile"),
    DATE("contentCreated"),
    STRING("copyrightHolder"),
    STRING("copyrightNotice"),
    STRING("usageTerms"),
    MANY("people", person),
    MANY("organisations", organisation),
    MANY("events", event),
    ONE("eventDetails", event_details),
    MANY("plannedCoverage", planned_coverage),
    MANY("objects", object),
    MANY("associations", association),
    MANY("trustIndicators", trust_indicator),
    MANY("genres", concept),
    ONE("rightsInfo", rights_info),
    ONE("digitalSourceType", concept),
};
const struct ninjs_object ninjs_item = {.properties = item_p, .count = COUNT(item_p)};

/* An association is an item again, with the two names by which this one knows it. */
static const struct ninjs_property association_p[] = {REQUIRED("name", KIND_STRING), STRING("rel")};
static const struct ninjs_object association = {
    .properties = association_p, .count = COUNT(association_p), .base = &ninjs_item};

_Static_assert(COUNT(item_p) + COUNT(association_p) <= 64, "one bit for each property");
