#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void connection_close(struct connection* c) {
    if (c->fd >= 0) close(c->fd); /* this takes it out of the epoll set as well */
    c->fd = -1;
    c->state = DOWN;
    c->out_left = c->in_length = 0;
}

void connection_open(struct connection* c, int epoll, const struct sockaddr_in* server) {
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->state = CONNECTING;
    /* On failure the socket becomes ready with an error, which connection_advance finds. */
    connect(c->fd, (const struct sockaddr*)server, sizeof *server);
    struct epoll_event wish = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &wish);
}

static bool flush(struct connection* c) {
    while (c->out_left) {
        ssize_t sent = send(c->fd, c->out, c->out_left, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        c->out += sent;
        c->out_left -= (size_t)sent;
    }
    return true;
}

bool connection_send(struct connection* c, const char* bytes, size_t length, long request) {
    c->state = BUSY;
    c->request = request;
    c->out = bytes;
    c->out_left = length;
    c->in_length = 0;
    return flush(c);
}

/* Read what has come; false: the other side has closed or broken the connection. What comes later, an end included, is
 * a new event, so unless the end is known to be there a short read is the last. */
static bool fill(struct connection* c, bool ends) {
    for (;;) {
        if (c->in_room - c->in_length < 65536) {
            c->in_room = 2 * c->in_room + 131072;
            c->in = realloc(c->in, c->in_room);
            if (!c->in) abort();
        }
        size_t room = c->in_room - c->in_length - 1;
        ssize_t got = recv(c->fd, c->in + c->in_length, room, 0);
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        if (got == 0) return false;
        c->in_length += (size_t)got;
        c->in[c->in_length] = 0;
        if ((size_t)got < room && !ends) return true;
    }
}

/* Whole answer in the buffer? Its status, its body, and whether the server asks to close. Needs a Content-Length. */
static bool whole(const struct connection* c, struct answer* answer, bool* closes) {
    const char* head_end = c->in_length ? memmem(c->in, c->in_length, "\r\n\r\n", 4) : NULL;
    if (!head_end || strncmp(c->in, "HTTP/1.", 7) != 0) return false;
    answer->status = atoi(c->in + 9);
    answer->body = head_end + 4;
    const char* length = strcasestr(c->in, "\ncontent-length:");
    const char* close = strcasestr(c->in, "\nconnection: close");
    if (!length || length > head_end) return false;
    *closes = close && close < head_end;
    return c->in_length >= (size_t)(answer->body - c->in) + strtoul(length + 16, NULL, 10);
}

enum event connection_advance(struct connection* c, uint32_t events, struct answer* answer) {
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (!error && !(events & EPOLLOUT)) return NOTHING;
        if (error) {
            connection_close(c);
            return REFUSED;
        }
        c->state = IDLE;
        return READY;
    }
    bool open = flush(c) && fill(c, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)), closes = false;
    if (c->state == BUSY && whole(c, answer, &closes)) {
        if (!open || closes)
            connection_close(c);
        else
            c->state = IDLE;
        return ANSWERED;
    }
    if (open) return NOTHING;
    enum event end = c->state == BUSY ? BROKEN : CLOSED_IDLE;
    connection_close(c);
    return end;
}
