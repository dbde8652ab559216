/* Open-loop load on an HTTP/1.1 server: requests are due at a fixed rate, whatever the server does.
 *
 *   open_loop --port 8000 --path /v1/score --bodies bodies.jsonl --rate 1000 --seconds 60 [--poisson] …
 *
 * A request that is due while every connection is busy waits here, and its latency is counted from when it was due: a
 * server that stalls cannot hide it (no coordinated omission). Each line of --bodies is the body of a POST, taken in
 * turn; without --bodies it is a GET. A connection that the server closes after `Connection: close`, or while nothing
 * is asked of it, is opened again and is no failure; one that breaks with a request in flight fails that request, which
 * is not repeated. Prints one JSON object. One thread.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "report.h"

static const int64_t SECOND = 1000000000, SWEEP = 20000000, RETRY = 5000000;

static struct {
    const char *host, *path, *bodies, *header, *tally;
    int port, connections, seed;
    double rate, seconds, warm_up, timeout;
    bool poisson, series;
} asked = {.host = "127.0.0.1", .path = "/", .connections = 16, .rate = 100, .seconds = 10, .timeout = 5, .seed = 1};

static const struct option OPTIONS[] = {
    {"host", 1, 0, 'h'},    {"port", 1, 0, 'p'},        {"path", 1, 0, 'u'},    {"bodies", 1, 0, 'b'},
    {"header", 1, 0, 'H'},  {"rate", 1, 0, 'r'},        {"seconds", 1, 0, 's'}, {"warm-up", 1, 0, 'w'},
    {"timeout", 1, 0, 't'}, {"seed", 1, 0, 'e'},        {"poisson", 0, 0, 'P'}, {"series", 0, 0, 'S'},
    {"tally", 1, 0, 'T'},   {"connections", 1, 0, 'c'}, {0, 0, 0, 0},
};

static void read_options(int argc, char** argv) {
    for (int letter; (letter = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (letter) {
            case 'h': asked.host = optarg; break;
            case 'p': asked.port = atoi(optarg); break;
            case 'u': asked.path = optarg; break;
            case 'b': asked.bodies = optarg; break;
            case 'H': asked.header = optarg; break;
            case 'T': asked.tally = optarg; break;
            case 'c': asked.connections = atoi(optarg); break;
            case 'e': asked.seed = atoi(optarg); break;
            case 'r': asked.rate = atof(optarg); break;
            case 's': asked.seconds = atof(optarg); break;
            case 'w': asked.warm_up = atof(optarg); break;
            case 't': asked.timeout = atof(optarg); break;
            case 'P': asked.poisson = true; break;
            case 'S': asked.series = true; break;
            default: exit(2);
        }
    if (asked.port <= 0 || asked.rate <= 0 || asked.connections <= 0 || optind < argc) {
        fprintf(stderr,
                "open_loop: --port, --rate and --connections must be above 0, and nothing may follow the options\n");
        exit(2);
    }
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

struct request {
    char* bytes;
    size_t length;
};

/* Whole requests, one a line of the file; their count goes to `count`. */
static struct request* read_requests(long* count) {
    FILE* file = asked.bodies ? fopen(asked.bodies, "r") : NULL;
    if (asked.bodies && !file) perror(asked.bodies), exit(2);
    struct request* requests = NULL;
    char* line = NULL;
    size_t room = 0;
    for (*count = 0;;) {
        ssize_t length = file ? getline(&line, &room, file) : (*count ? -1 : 0);
        if (length < 0) break;
        if (length && line[length - 1] == '\n') length--;
        requests = realloc(requests, sizeof *requests * (size_t)(*count + 1));
        int size = asprintf(
            &requests[*count].bytes,
            "%s %s HTTP/1.1\r\nHost: %s:%d\r\n%s%sContent-Type: application/json\r\nContent-Length: %zd\r\n\r\n%.*s",
            file ? "POST" : "GET", asked.path, asked.host, asked.port, asked.header ? asked.header : "",
            asked.header ? "\r\n" : "", length, (int)length, length ? line : "");
        requests[(*count)++].length = (size_t)size;
    }
    free(line);
    if (file) fclose(file);
    if (!*count) fprintf(stderr, "%s: no lines\n", asked.bodies), exit(2);
    return requests;
}

/* When each request is due: evenly, or with exponential gaps. */
static struct record* plan(long count) {
    struct record* records = calloc((size_t)count + 1, sizeof *records);
    if (!records) abort();
    srand48(asked.seed);
    double at = 0; /* in gaps */
    for (long i = 0; i < count; i++) {
        records[i].due = llround(at / asked.rate * 1e9);
        at += asked.poisson ? -log1p(-drand48()) : 1;
    }
    return records;
}

int main(int argc, char** argv) {
    read_options(argc, argv);
    long bodies, next = 0, due = 0, busy = 0;
    struct request* requests = read_requests(&bodies);
    struct totals totals = {.count = lround((asked.warm_up + asked.seconds) * asked.rate),
                            .warm_up = asked.warm_up,
                            .seconds = asked.seconds};
    struct record* records = plan(totals.count);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)asked.port)};
    if (!inet_pton(AF_INET, asked.host, &server.sin_addr))
        fprintf(stderr, "%s: not an IPv4 address\n", asked.host), exit(2);
    prctl(PR_SET_TIMERSLACK, 1);
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &(struct epoll_event){.events = EPOLLIN});
    struct connection* all = calloc((size_t)asked.connections, sizeof *all);
    for (int i = 0; i < asked.connections; i++) all[i].fd = -1;
    int64_t start = now() + SECOND / 10, swept = 0, patience = (int64_t)(asked.timeout * 1e9);
    int turn = 0; /* connections take turns, so that none of them stays idle for long */

    while (next < totals.count || busy) {
        int64_t time = now();
        while (due < totals.count && start + records[due].due <= time) due++;
        for (int tried = 0; next < due && tried < asked.connections; tried++, turn = (turn + 1) % asked.connections) {
            struct connection* c = &all[turn];
            if (c->state != IDLE) continue;
            const struct request* request = &requests[next % bodies];
            records[next].lag = now() - start - records[next].due;
            if (connection_send(c, request->bytes, request->length, next))
                busy++;
            else
                records[next].outcome = BROKEN_OFF, connection_close(c);
            next++;
        }
        if (due - next > totals.most_waiting) totals.most_waiting = due - next;
        if (time - swept > SWEEP) {
            swept = time;
            for (; next < due && time - start - records[next].due > patience; next++) records[next].outcome = TIMED_OUT;
            for (struct connection* c = all; c < all + asked.connections; c++) {
                if (c->state == BUSY && time - start - records[c->request].due > patience)
                    records[c->request].outcome = TIMED_OUT, busy--, connection_close(c);
            }
        }
        for (struct connection* c = all; c < all + asked.connections; c++)
            if (c->state == DOWN && c->retry_at <= time) connection_open(c, epoll, &server);

        int64_t wake =
            due < totals.count && start + records[due].due < time + SWEEP ? start + records[due].due : time + SWEEP;
        timerfd_settime(timer, TFD_TIMER_ABSTIME,
                        &(struct itimerspec){.it_value = {.tv_sec = wake / SECOND, .tv_nsec = wake % SECOND}}, NULL);
        struct epoll_event ready[64];
        int count = epoll_wait(epoll, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            struct connection* c = ready[i].data.ptr;
            struct answer answer;
            if (!c || c->state == DOWN) continue; /* the timer; or closed since */
            switch (connection_advance(c, ready[i].events, &answer)) {
                case ANSWERED:
                    records[c->request].latency = now() - start - records[c->request].due;
                    records[c->request].outcome = answer.status;
                    if (asked.tally) tally(asked.tally, answer.body);
                    totals.reconnections += c->state == DOWN;
                    busy--;
                    break;
                case BROKEN: records[c->request].outcome = BROKEN_OFF, busy--; break;
                case CLOSED_IDLE: totals.closed_idle++; break;
                case REFUSED: totals.refused_connections++, c->retry_at = time + RETRY; break;
                default: break;
            }
        }
    }
    totals.cpu_seconds = (double)clock() / CLOCKS_PER_SEC;
    report(records, &totals, asked.series);
    return 0;
}
