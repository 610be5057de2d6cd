#include "common/geojson.h"

#include <string.h>

/* Section 3: each type, the depth of its coordinates (1: one position) and the fewest positions in
 * the innermost array. */
static const struct shape {
    const char *type;
    unsigned levels; /* 0: no coordinates */
    unsigned least;
    const char *holds; /* the member it needs besides */
} shapes[] = {
    {"Point", 1, 0, NULL},
    {"MultiPoint", 2, 0, NULL},
    {"LineString", 2, 2, NULL},
    {"MultiLineString", 3, 2, NULL},
    {"Polygon", 3, 4, NULL},
    {"MultiPolygon", 4, 4, NULL},
    {"GeometryCollection", 0, 0, "geometries"},
    {"Feature", 0, 0, "geometry"},
    {"FeatureCollection", 0, 0, "features"},
};

enum wanted { ANY, GEOMETRY, FEATURE };
enum { GEOMETRIES = 7, THE_FEATURE = 7 }; /* the first ones are geometries, then Feature */

static const char *check(struct json_slice v, enum wanted wanted);

static bool is_number(struct json_slice v)
{
    return *v.at == '-' || (*v.at >= '0' && *v.at <= '9');
}

static size_t count_numbers(struct json_slice array)
{
    struct json_cursor c = json_inside(array);
    struct json_slice e;
    size_t n = 0;
    if (!array.at || *array.at != '[') return 0;
    while (json_next_element(&c, &e)) {
        if (!is_number(e)) return 0;
        n++;
    }
    return n;
}

static bool coordinates_ok(struct json_slice v, unsigned levels, unsigned least)
{
    if (!v.at || *v.at != '[') return false;
    if (levels == 1) return count_numbers(v) >= 2;
    struct json_cursor c = json_inside(v);
    struct json_slice e;
    size_t n = 0;
    while (json_next_element(&c, &e)) {
        if (!coordinates_ok(e, levels - 1, least)) return false;
        n++;
    }
    return levels > 2 || n >= least;
}

static bool elements_ok(struct json_slice v, enum wanted wanted)
{
    if (!v.at || *v.at != '[') return false;
    struct json_cursor c = json_inside(v);
    struct json_slice e;
    while (json_next_element(&c, &e))
        if (check(e, wanted)) return false;
    return true;
}

static bool object_or_null(struct json_slice v)
{
    return v.at && (*v.at == '{' || *v.at == 'n');
}

/* Section 3.2. */
static const char *check_feature(struct json_slice v, struct json_slice geometry)
{
    struct json_slice id = json_member(v, "id");
    if (id.at && *id.at != '"' && !is_number(id)) return "a GeoJSON id is a string or a number";
    if (!object_or_null(geometry) || !object_or_null(json_member(v, "properties")))
        return "a GeoJSON Feature needs geometry and properties, each an object or null";
    return *geometry.at == 'n' ? NULL : check(geometry, GEOMETRY);
}

static const char *check_members(struct json_slice v, size_t shape)
{
    const struct shape *s = &shapes[shape];
    if (s->levels > 0)
        return coordinates_ok(json_member(v, "coordinates"), s->levels, s->least)
                   ? NULL
                   : "the coordinates do not fit the GeoJSON type";
    struct json_slice held = json_member(v, s->holds);
    if (shape == THE_FEATURE) return check_feature(v, held);
    return elements_ok(held, shape < GEOMETRIES ? GEOMETRY : FEATURE)
               ? NULL
               : "the members of the GeoJSON collection are missing or wrong";
}

static bool is_wanted(size_t shape, enum wanted wanted)
{
    if (wanted == FEATURE) return shape == THE_FEATURE;
    return wanted == ANY || shape < GEOMETRIES;
}

/* v is valid JSON. NULL when it is GeoJSON, else what is wrong. */
static const char *check(struct json_slice v, enum wanted wanted)
{
    if (*v.at != '{') return "a GeoJSON object is expected";
    struct json_slice type = json_member(v, "type"), bbox = json_member(v, "bbox");
    size_t numbers = count_numbers(bbox);
    if (bbox.at && numbers != 4 && numbers != 6)
        return "a GeoJSON bbox is an array of 4 or 6 numbers";
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (json_is(type, shapes[i].type))
            return is_wanted(i, wanted) ? check_members(v, i)
                   : wanted == FEATURE  ? "a GeoJSON Feature is expected"
                                        : "a GeoJSON geometry is expected";
    return "the GeoJSON type is missing or unknown";
}

bool geojson_walk(struct json_walk *w, unsigned depth)
{
    json_walk_peek(w);
    const char *first = w->at;
    if (!json_walk_any(w, depth)) return false;
    const char *fault = check((struct json_slice){first, (size_t)(w->at - first)}, ANY);
    if (!fault) return true;
    w->at = first;
    w->fault = fault;
    return false;
}
