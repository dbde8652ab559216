#define _GNU_SOURCE
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 1024, LONGEST_VALUE = 48 };
static struct {
    char value[LONGEST_VALUE];
    long count;
} tallied[MOST_VALUES];
static int distinct;

void tally(const char* key, const char* body) {
    char quoted[64];
    int length = snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char* at = strstr(body, quoted);
    if (!at) return;
    at += length;
    at += strspn(at, " \"");
    size_t size = strcspn(at, "\",}");
    if (size >= LONGEST_VALUE) size = LONGEST_VALUE - 1;
    int i = 0;
    while (i < distinct && (strncmp(tallied[i].value, at, size) != 0 || tallied[i].value[size])) i++;
    if (i == MOST_VALUES) return;
    if (i == distinct) memcpy(tallied[distinct++].value, at, size);
    tallied[i].count++;
}

static int ascending(const void* a, const void* b) {
    int64_t x = *(const int64_t*)a, y = *(const int64_t*)b;
    return (x > y) - (x < y);
}

/* Smallest value that at least `share` of all do not exceed, in milliseconds. */
static double quantile(const int64_t* sorted, long count, double share) {
    if (!count) return 0;
    long place = (long)(share * (double)count + 0.999999) - 1;
    return (double)sorted[place < 0 ? 0 : place < count ? place : count - 1] / 1e6;
}

struct sums {
    long sent, answered, failed, broken, timed_out, statuses[600];
};

/* Sum up the requests due in [from, to); latencies of those answered with 200 go into `latencies`, sorted. */
static long sum_up(const struct record* r, long count, int64_t from, int64_t to, struct sums* s, int64_t* latencies) {
    long kept = 0;
    memset(s, 0, sizeof *s);
    for (long i = 0; i < count; i++) {
        if (r[i].due < from || r[i].due >= to) continue;
        int outcome = r[i].outcome;
        s->sent++;
        s->answered += outcome > 0;
        s->failed += outcome != 200;
        s->broken += outcome == BROKEN_OFF;
        s->timed_out += outcome == TIMED_OUT || outcome == UNANSWERED;
        if (outcome > 0 && outcome < 600) s->statuses[outcome]++;
        if (outcome == 200) latencies[kept++] = r[i].latency;
    }
    qsort(latencies, (size_t)kept, sizeof *latencies, ascending);
    return kept;
}

static void print_series(const struct record* r, long count, int64_t from, int64_t* latencies) {
    struct sums s;
    printf(", \"series\": [");
    int64_t second = 1000000000, last = count ? r[count - 1].due : 0;
    long start = 0;
    for (int64_t at = from; at <= last; at += second) {
        while (start < count && r[start].due < at) start++;
        long end = start;
        while (end < count && r[end].due < at + second) end++;
        long kept = sum_up(r + start, end - start, at, at + second, &s, latencies);
        printf("%s{\"sent\": %ld, \"failed\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}",
               at == from ? "" : ", ", s.sent, s.failed, quantile(latencies, kept, 0.5),
               quantile(latencies, kept, 0.99), quantile(latencies, kept, 1));
    }
    printf("]");
}

void report(const struct record* records, const struct totals* t, bool series) {
    struct sums s;
    int64_t from = (int64_t)(t->warm_up * 1e9);
    int64_t* sorted = malloc(sizeof *sorted * (size_t)(t->count + 1));
    if (!sorted) abort();
    long lags = 0;
    for (long i = 0; i < t->count; i++)
        if (records[i].due >= from) sorted[lags++] = records[i].lag;
    qsort(sorted, (size_t)lags, sizeof *sorted, ascending);
    double lag = quantile(sorted, lags, 0.99);
    long kept = sum_up(records, t->count, from, INT64_MAX, &s, sorted);
    printf("{\"sent\": %ld, \"answered\": %ld, \"failed\": %ld, \"broken\": %ld, \"timed_out\": %ld", s.sent,
           s.answered, s.failed, s.broken, s.timed_out);
    printf(", \"refused_connections\": %ld, \"closed_idle\": %ld, \"reconnections\": %ld, \"most_waiting\": %ld",
           t->refused_connections, t->closed_idle, t->reconnections, t->most_waiting);
    printf(", \"rate\": %.1f, \"send_lag_p99_ms\": %.3f, \"cpu_seconds\": %.3f", (double)s.answered / t->seconds, lag,
           t->cpu_seconds);
    printf(", \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f",
           quantile(sorted, kept, 0.5), quantile(sorted, kept, 0.9), quantile(sorted, kept, 0.99),
           quantile(sorted, kept, 0.999), quantile(sorted, kept, 1));
    printf(", \"statuses\": {");
    const char* comma = "";
    for (int status = 0; status < 600; status++)
        if (s.statuses[status]) printf("%s\"%d\": %ld", comma, status, s.statuses[status]), comma = ", ";
    printf("}, \"tally\": {");
    for (int i = 0; i < distinct; i++) printf("%s\"%s\": %ld", i ? ", " : "", tallied[i].value, tallied[i].count);
    printf("}");
    if (series) print_series(records, t->count, from, sorted);
    printf("}\n");
    free(sorted);
}
