/* tests/fuzz/fuzz_spec.c - specs/NAME.json: whatever is accepted is printed and read back as the
 * same. */
#include <string.h>

#include "config/spec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec s, again;
	struct fault f = { "" };
	char text[200];
	char *printed;

	if (spec_parse((const char *)data, size, &s, &f) < 0) {
		MUST(f.text[0] && memchr(f.text, 0, sizeof(f.text)));
		return 0;
	}
	(void)spec_command_text(&s, text, sizeof(text));
	MUST(memchr(text, 0, sizeof(text)));
	printed = spec_print(&s);
	if (printed && spec_parse(printed, strlen(printed), &again, &f) == 0) {
		MUST(strcmp(again.name, s.name) == 0 && spec_hash(&again) == spec_hash(&s) &&
			again.policy == s.policy && again.stop_timeout_ms == s.stop_timeout_ms &&
			again.surroundings.given == s.surroundings.given &&
			memcmp(&again.surroundings.cpus, &s.surroundings.cpus,
				sizeof(s.surroundings.cpus)) == 0 &&
			memcmp(again.surroundings.limit, s.surroundings.limit,
				sizeof(s.surroundings.limit)) == 0);
		spec_done(&again);
	} else {
		MUST(!printed);
	}
	free(printed);
	spec_done(&s);
	return 0;
}
