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
enum { GEOMETRIES = 7 }; /* the first ones are geometries */

static const char *check(struct json_slice v, bool geometry_only);

static size_t count_numbers(struct json_slice array)
{
    struct json_cursor c = json_inside(array);
    struct json_slice e;
    size_t n = 0;
    if (!array.at || *array.at != '[') return 0;
    while (json_next_element(&c, &e)) {
        if (*e.at != '-' && (*e.at < '0' || *e.at > '9')) return 0;
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

static bool elements_ok(struct json_slice v, bool geometry_only)
{
    if (!v.at || *v.at != '[') return false;
    struct json_cursor c = json_inside(v);
    struct json_slice e;
    while (json_next_element(&c, &e))
        if (check(e, geometry_only)) return false;
    return true;
}

static bool object_or_null(struct json_slice v)
{
    return v.at && (*v.at == '{' || *v.at == 'n');
}

static const char *check_members(struct json_slice v, const struct shape *s)
{
    if (s->levels > 0)
        return coordinates_ok(json_member(v, "coordinates"), s->levels, s->least)
                   ? NULL
                   : "the coordinates do not fit the GeoJSON type";
    struct json_slice held = json_member(v, s->holds);
    if (strcmp(s->type, "Feature") != 0)
        return elements_ok(held, strcmp(s->type, "GeometryCollection") == 0)
                   ? NULL
                   : "the members of the GeoJSON collection are missing or wrong";
    if (!object_or_null(held) || !object_or_null(json_member(v, "properties")))
        return "a GeoJSON Feature needs geometry and properties, each an object or null";
    return *held.at == 'n' ? NULL : check(held, true);
}

/* v is valid JSON. NULL when it is GeoJSON, else what is wrong. */
static const char *check(struct json_slice v, bool geometry_only)
{
    if (*v.at != '{') return "a GeoJSON object is expected";
    struct json_slice type = json_member(v, "type"), bbox = json_member(v, "bbox");
    if (bbox.at && count_numbers(bbox) < 4) return "a GeoJSON bbox is an array of 4 or 6 numbers";
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (json_is(type, shapes[i].type))
            return geometry_only && i >= GEOMETRIES ? "a GeoJSON geometry is expected"
                                                    : check_members(v, &shapes[i]);
    return "the GeoJSON type is missing or unknown";
}

bool geojson_walk(struct json_walk *w, unsigned depth)
{
    json_walk_peek(w);
    const char *first = w->at;
    if (!json_walk_any(w, depth)) return false;
    const char *fault = check((struct json_slice){first, (size_t)(w->at - first)}, false);
    if (!fault) return true;
    w->at = first;
    w->fault = fault;
    return false;
}
