/*
 * config/redact.h - what of a command may be shown. Arguments that look like secrets by their names
 * are masked wherever a command is shown: the table, status, list, events, JSON. The specification
 * (specs/NAME.json, 0600) holds them whole.
 */
#ifndef CONFIG_REDACT_H
#define CONFIG_REDACT_H

#include <stddef.h>
#include <stdio.h>

/* Write an argument to out, the values of NAME=VALUE and NAME: VALUE masked where NAME means a
 * secret (--token=x, DB_PASSWORD=x, "?api_key=x&", "Authorization: x"), and the user part of a URL
 * that holds a password. before is the argument before it, or NULL: behind "--token" the whole
 * argument is masked. */
void redact_argument(FILE *out, const char *before, const char *argument);
/* The same for a text by itself, into buf: always terminated, cut where it is full. Out of memory:
 * "***". */
void redact_copy(char *buf, size_t size, const char *text);

#endif
