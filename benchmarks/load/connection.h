/* One keep-alive HTTP/1.1 connection of the load generator: connect, send one request, read one answer, again. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum state { DOWN, CONNECTING, IDLE, BUSY };

struct connection {
    int fd;
    enum state state;
    int64_t retry_at; /* when DOWN: not before, nanoseconds */
    long request;     /* when BUSY: which one */
    const char* out;  /* what is left to send */
    size_t out_left;
    char* in; /* what has come of the answer, zero-terminated */
    size_t in_length, in_room;
};

/* What an event on a connection came to. */
enum event { NOTHING, READY, ANSWERED, CLOSED_IDLE, BROKEN, REFUSED };

/* The answer that ANSWERED speaks of; body points into the connection's buffer and holds until the next send. */
struct answer {
    int status;
    const char* body;
};

/* Start to connect; the socket is added to the epoll set. */
void connection_open(struct connection* c, int epoll, const struct sockaddr_in* server);
/* Close at once; it is DOWN until opened again. */
void connection_close(struct connection* c);
/* Send a request; false: the connection broke. */
bool connection_send(struct connection* c, const char* bytes, size_t length, long request);
/* Go on after epoll reported `events`. On ANSWERED the connection is IDLE, or DOWN if the server asked to close. */
enum event connection_advance(struct connection* c, uint32_t events, struct answer* answer);

#endif
