/* json/tree.c - what cJSON has read, written again (json/tree.h). cJSON reads no more than 1,000
 * levels. */
#include "json/tree.h"

void json_tree(struct json_out *o, const char *key, const cJSON *item)
{
	bool is_object = cJSON_IsObject(item);
	const cJSON *child;

	if (cJSON_IsString(item)) {
		json_text(o, key, item->valuestring);
	} else if (cJSON_IsNumber(item)) {
		json_number(o, key, item->valuedouble);
	} else if (cJSON_IsBool(item)) {
		json_bool(o, key, cJSON_IsTrue(item));
	} else if (is_object || cJSON_IsArray(item)) {
		json_open(o, key, is_object ? '{' : '[');
		cJSON_ArrayForEach(child, item)
			json_tree(o, is_object ? child->string : NULL, child);
		json_close(o);
	} else {
		json_null(o, key);
	}
}
