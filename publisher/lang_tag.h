/* publisher/lang_tag.h - language tags (BCP 47) as feeds write them. */
#ifndef NEWS_LANG_TAG_H
#define NEWS_LANG_TAG_H

#include <stdbool.h>
#include <stddef.h>

#define LANG_TAG_SIZE 36 /* RFC 5646 §4.4.1: 35 bytes hold any tag in use */

/* Writes the tag in its customary case (RFC 5646 §2.1.1): "en_us" gives "en-US", "ZH-hans-cn"
 * "zh-Hans-CN". False when text is no tag, or says nothing ("und"). */
bool lang_tag(const char *text, size_t len, char out[LANG_TAG_SIZE]);

#endif
