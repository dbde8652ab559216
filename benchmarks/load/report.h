/* What became of each request, and the JSON that sums it up. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Outcome of a request: a status of HTTP, or one of these. */
enum { UNANSWERED = 0, BROKEN_OFF = -1, TIMED_OUT = -2 };

struct record {
    int64_t due;     /* when it should have been sent, nanoseconds from the start */
    int64_t lag;     /* how much later it was sent */
    int64_t latency; /* from `due` to the answer's last byte */
    int outcome;
};

struct totals {
    long count, refused_connections, closed_idle, reconnections, most_waiting;
    double warm_up, seconds, cpu_seconds;
};

/* Count a value of the JSON member `key` in an answer, as in "version": "3"; nothing if it is not there. */
void tally(const char* key, const char* body);
/* Print all, requests of the warm-up apart. `series`: second by second as well. */
void report(const struct record* records, const struct totals* totals, bool series);

#endif
