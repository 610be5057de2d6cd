#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/geojson.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char coordinates[] = "the coordinates do not fit the GeoJSON type";
static const char collection[] = "the members of the GeoJSON collection are missing or wrong";
static const char feature[] = "a GeoJSON Feature needs geometry and properties, each an object or "
                              "null";
static const char geometry[] = "a GeoJSON geometry is expected";
static const char unknown[] = "the GeoJSON type is missing or unknown";
static const char object[] = "a GeoJSON object is expected";

struct geojson_case {
    const char *text;
    const char *fault; /* NULL: GeoJSON */
};

static void check(const struct geojson_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct geojson_case *c = &cases[i];
        struct json_walk w = json_walk_start(c->text, strlen(c->text));
        bool ok = geojson_walk(&w, 0);
        if (ok && c->fault) fail_msg("%s was passed", c->text);
        if (!ok && (!c->fault || strcmp(w.fault, c->fault) != 0))
            fail_msg("%s: \"%s\", not \"%s\"", c->text, w.fault, c->fault ? c->fault : "passed");
        assert_ptr_equal(w.at, ok ? w.end : w.start);
    }
}

#define CHECK(cases) check(cases, COUNT(cases))

/* RFC 7946 section 3.1. */
static void each_geometry_has_coordinates_of_its_own_depth(void **state)
{
    (void)state;
    static const struct geojson_case cases[] = {
        {"{\"type\":\"Point\",\"coordinates\":[1,2]}", NULL},
        {"{\"type\":\"Point\",\"coordinates\":[-1.5e1, 2.0, 300]}", NULL},
        {"{\"type\":\"Point\",\"coordinates\":[1]}", coordinates},
        {"{\"type\":\"Point\",\"coordinates\":[]}", coordinates},
        {"{\"type\":\"Point\",\"coordinates\":[\"1\",\"2\"]}", coordinates},
        {"{\"type\":\"Point\",\"coordinates\":[1,null]}", coordinates},
        {"{\"type\":\"Point\",\"coordinates\":[[1,2]]}", coordinates},
        {"{\"type\":\"Point\",\"coordinates\":\"1,2\"}", coordinates},
        {"{\"type\":\"Point\",\"coordinates\":{\"x\":1,\"y\":2}}", coordinates},
        {"{\"type\":\"Point\"}", coordinates},
        {"{\"type\":\"MultiPoint\",\"coordinates\":[]}", NULL},
        {"{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3,4]]}", NULL},
        {"{\"type\":\"MultiPoint\",\"coordinates\":[1,2]}", coordinates},
        {"{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3]]}", coordinates},
        {"{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,4]]}", NULL},
        {"{\"type\":\"LineString\",\"coordinates\":[[1,2]]}", coordinates},
        {"{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3,4]],[[5,6],[7,8]]]}", NULL},
        {"{\"type\":\"MultiLineString\",\"coordinates\":[]}", NULL},
        {"{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3,4]],[[5,6]]]}", coordinates},
        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}", NULL},
        {"{\"type\":\"Polygon\",\"coordinates\":[]}", NULL},
        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[0,0]]]}", coordinates},
        {"{\"type\":\"Polygon\",\"coordinates\":[[0,0],[1,0],[1,1],[0,0]]}", coordinates},
        {"{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]]]}", NULL},
        {"{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[0,0]]]]}", coordinates},
        {"{\"type\":\"MultiPolygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}", coordinates},
    };
    CHECK(cases);
}

static void collections_hold_geometries_and_features(void **state)
{
    (void)state;
    static const struct geojson_case cases[] = {
        {"{\"type\":\"GeometryCollection\",\"geometries\":[]}", NULL},
        {"{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":"
         "[1,2]}]}",
         NULL},
        {"{\"type\":\"GeometryCollection\"}", collection},
        {"{\"type\":\"GeometryCollection\",\"geometries\":{}}", collection},
        {"{\"type\":\"GeometryCollection\",\"geometries\":[null]}", collection},
        {"{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\"}]}", collection},
        {"{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"FeatureCollection\","
         "\"features\":[]}]}",
         collection},
        {"{\"type\":\"Feature\",\"geometry\":null,\"properties\":null}", NULL},
        {"{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]},"
         "\"properties\":{\"name\":\"quay\"},\"id\":7}",
         NULL},
        {"{\"type\":\"Feature\",\"geometry\":null}", feature},
        {"{\"type\":\"Feature\",\"properties\":null}", feature},
        {"{\"type\":\"Feature\",\"geometry\":[],\"properties\":null}", feature},
        {"{\"type\":\"Feature\",\"geometry\":null,\"properties\":\"x\"}", feature},
        {"{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\"},\"properties\":{}}", coordinates},
        {"{\"type\":\"Feature\",\"geometry\":{\"type\":\"Feature\",\"geometry\":null,"
         "\"properties\":null},\"properties\":{}}",
         geometry},
        {"{\"type\":\"FeatureCollection\",\"features\":[]}", NULL},
        {"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":null,"
         "\"properties\":null}]}",
         NULL},
        {"{\"type\":\"FeatureCollection\"}", collection},
        {"{\"type\":\"FeatureCollection\",\"features\":[1]}", collection},
    };
    CHECK(cases);
}

/* Section 3.3: the elements of "features" are Feature objects. */
static void a_feature_collection_holds_features_alone(void **state)
{
    (void)state;
    static const struct geojson_case cases[] = {
        {"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Point\",\"coordinates\":[1,2]}]"
         "}",
         collection},
        {"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"FeatureCollection\","
         "\"features\":[]}]}",
         collection},
    };
    CHECK(cases);
}

/* Section 3.2: "the value of this member is either a JSON string or number". */
static void the_id_of_a_feature_is_a_string_or_a_number(void **state)
{
    (void)state;
    static const char *const ids[] = {"true", "null", "[]", "{}"};
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct buf b = {0};
        buf_printf(&b, "{\"type\":\"Feature\",\"geometry\":null,\"properties\":null,\"id\":%s}",
                   ids[i]);
        struct json_walk w = json_walk_start(b.data, b.len);
        bool ok = geojson_walk(&w, 0);
        buf_deinit(&b);
        if (ok) fail_msg("\"id\":%s was passed", ids[i]);
    }
}

static void anything_else_is_no_geojson(void **state)
{
    (void)state;
    static const struct geojson_case cases[] = {
        {"null", object},
        {"[]", object},
        {"\"Point\"", object},
        {"{}", unknown},
        {"{\"type\":null}", unknown},
        {"{\"type\":\"point\",\"coordinates\":[1,2]}", unknown},
        {"{\"type\":\"Circle\",\"coordinates\":[1,2]}", unknown},
        {"{\"type\":[\"Point\"],\"coordinates\":[1,2]}", unknown},
        {"{\"coordinates\":[1,2]}", unknown},
    };
    CHECK(cases);
}

static void names_may_be_written_with_escapes(void **state)
{
    (void)state;
    static const struct geojson_case cases[] = {
        {"{\"\\u0074ype\":\"P\\u006fint\",\"c\\u006fordinates\":[1,2]}", NULL},
    };
    CHECK(cases);
}

/* Section 5. */
static void a_bounding_box_is_four_or_six_numbers(void **state)
{
    (void)state;
    static const char bbox[] = "a GeoJSON bbox is an array of 4 or 6 numbers";
    static const struct geojson_case cases[] = {
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[1,2,3,4]}", NULL},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[1,2,3,4,5,6]}", NULL},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[1,2,3]}", bbox},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[]}", bbox},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":null}", bbox},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[1,2,3,\"4\"]}", bbox},
        {"{\"type\":\"FeatureCollection\",\"features\":[],\"bbox\":{}}", bbox},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[1,2,3,4,5]}", bbox},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"bbox\":[1,2,3,4,5,6,7,8]}", bbox},
    };
    CHECK(cases);
}

/* Section 6.1. */
static void foreign_members_are_allowed(void **state)
{
    (void)state;
    static const struct geojson_case cases[] = {
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"title\":{\"a\":[null]},\"x\":true}", NULL},
        {"{\"type\":\"Point\",\"coordinates\":[1,2],\"x\":1,\"x\":2}",
         "the same property stands twice in one object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_walk w = json_walk_start(cases[i].text, strlen(cases[i].text));
        assert_int_equal(geojson_walk(&w, 0), !cases[i].fault);
        if (cases[i].fault) assert_string_equal(w.fault, cases[i].fault);
    }
}

static void deep_collections_end_at_the_bound(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 200; i++)
        buf_puts(&b, "{\"type\":\"GeometryCollection\",\"geometries\":[");
    for (int i = 0; i < 200; i++)
        buf_puts(&b, "]}");
    struct json_walk w = json_walk_start(b.data, b.len);
    assert_false(geojson_walk(&w, 0));
    assert_string_equal(w.fault, "the value is nested too deeply");
    buf_deinit(&b);
}

static void what_follows_the_value_is_left_alone(void **state)
{
    (void)state;
    static const char text[] = " {\"type\":\"Point\",\"coordinates\":[1,2]} ,x";
    struct json_walk w = json_walk_start(text, strlen(text));
    assert_true(geojson_walk(&w, 0));
    assert_int_equal(json_walk_peek(&w), ',');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_geometry_has_coordinates_of_its_own_depth),
        cmocka_unit_test(collections_hold_geometries_and_features),
        cmocka_unit_test(a_feature_collection_holds_features_alone),
        cmocka_unit_test(the_id_of_a_feature_is_a_string_or_a_number),
        cmocka_unit_test(anything_else_is_no_geojson),
        cmocka_unit_test(names_may_be_written_with_escapes),
        cmocka_unit_test(a_bounding_box_is_four_or_six_numbers),
        cmocka_unit_test(foreign_members_are_allowed),
        cmocka_unit_test(deep_collections_end_at_the_bound),
        cmocka_unit_test(what_follows_the_value_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
