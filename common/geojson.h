/* common/geojson.h - is this value GeoJSON (RFC 7946)? */
#ifndef NEWS_GEOJSON_H
#define NEWS_GEOJSON_H

#include "common/json.h"

/* Walks one value, depth levels deep already. False: it is not valid JSON, or not GeoJSON;
 * w->fault says which. Foreign members are allowed (section 6.1). */
bool geojson_walk(struct json_walk *w, unsigned depth);

#endif
