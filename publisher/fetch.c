#include "publisher/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "publisher/feed.h"
#include "publisher/http_head.h"

enum {
    REDIRECTS_MAX = 10,
    HEAD_BYTES_MAX = 256 * 1024,
    REST_BYTES_MAX = 1024 * 1024, /* of the text of an error: read to keep the connection */
    STALL_BYTES = 16,             /* a second */
    EVENTS = 64,
};

/* What most feed readers say; some servers answer anything else with a page. */
static const char accepted[] =
    "application/atom+xml, application/rss+xml, application/feed+json, "
    "application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.8";

struct job {
    struct job *next;
    struct fetch *fetch;
    void *user;
    char *url, *host; /* asked now, or to be asked next */
    char *etag, *modified, *validators_url;
    unsigned redirects;
    bool moved_for_good; /* no redirect was a temporary one */
    int64_t spent_ms;    /* of the deadline, by the redirects before */

    CURL *easy; /* NULL while it waits its turn */
    struct curl_slist *headers;
    int64_t started_mono_ms;
    struct http_head head;
    size_t head_bytes, rest_bytes;
    struct buf body;
    struct news_error refused; /* what we did not want to read on for */
    char why[CURL_ERROR_SIZE];
};

struct fetch {
    CURLM *multi;
    int epoll_fd;
    int64_t timer_mono_ms; /* when curl wants to be called; INT64_MAX never */
    char *user_agent;
    void (*on_done)(void *user, const struct fetch_result *r);
    struct fetch_limits limits;
    struct job *jobs; /* oldest first */
    bool slot_free;   /* somebody who waits may be able to start */
};

/* ---- URLs ---- */

static bool has_scheme(const char *url, const char *scheme)
{
    CURLU *parts = curl_url();
    char *text = NULL;
    bool is = parts && curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == 0 &&
              curl_url_get(parts, CURLUPART_SCHEME, &text, 0) == 0 && strcmp(text, scheme) == 0;
    curl_free(text);
    curl_url_cleanup(parts);
    return is;
}

static bool is_http(const char *url)
{
    return has_scheme(url, "http") || has_scheme(url, "https");
}

/* "host:port", for counting connections; NULL: no memory, or no URL. */
static char *host_of(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL, *both = NULL;
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == 0 &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == 0 &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == 0 &&
        asprintf(&both, "%s:%s", host, port) < 0)
        both = NULL;
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return both;
}

void fetch_public_url(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    (void)snprintf(out, size, "%.*s%s", (int)(host - url), url, at ? at + 1 : host);
}

/* ---- jobs ---- */

static void job_stop(struct job *j)
{
    if (j->easy) {
        j->spent_ms += date_mono_ms() - j->started_mono_ms;
        (void)curl_multi_remove_handle(j->fetch->multi, j->easy);
        curl_easy_cleanup(j->easy);
    }
    curl_slist_free_all(j->headers);
    j->easy = NULL;
    j->headers = NULL;
}

static void job_free(struct job *j)
{
    if (!j) return;
    job_stop(j);
    buf_deinit(&j->body);
    free(j->url);
    free(j->host);
    free(j->etag);
    free(j->modified);
    free(j->validators_url);
    free(j);
}

static struct job *job_new(struct fetch *f, const struct fetch_request *r)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    j->fetch = f;
    j->user = r->user;
    j->moved_for_good = true;
    j->url = strdup(r->url);
    j->host = host_of(r->url);
    j->etag = strdup(r->etag);
    j->modified = strdup(r->modified);
    j->validators_url = strdup(r->validators_url ? r->validators_url : r->url);
    if (j->url && j->host && j->etag && j->modified && j->validators_url) return j;
    job_free(j);
    return NULL;
}

static void unlink_job(struct job *j)
{
    struct job **at = &j->fetch->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    j->fetch->slot_free = true;
}

/* ---- what curl hands us of an answer ---- */

static long status_of(const struct job *j)
{
    long status = 0;
    (void)curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct job *j = user;
    size_t len = size * count;
    j->head_bytes += len;
    if (j->head_bytes > HEAD_BYTES_MAX) {
        news_fail(&j->refused, NEWS_ERR_TOO_LARGE, "the header of the answer has no end");
        return 0;
    }
    bool first = len > 5 &&
                 memcmp(line, "HTTP/", 5) == 0; /* a "100 Continue" may have been before */
    if (first) http_head_init(&j->head);
    else http_head_line(&j->head, line, len, date_now_ms());
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct job *j = user;
    size_t len = size * count, most = j->fetch->limits.bytes;
    if (status_of(j) != 200) {
        j->rest_bytes += len;
        return j->rest_bytes > REST_BYTES_MAX ? 0 : len;
    }
    if (len > most - j->body.len) {
        news_fail(&j->refused, NEWS_ERR_TOO_LARGE, "a feed of more than %zu MiB", most >> 20);
        return 0;
    }
    buf_put(&j->body, bytes, len);
    if (buf_ok(&j->body)) return len;
    news_fail(&j->refused, NEWS_ERR_MEMORY, "out of memory");
    return 0;
}

/* ---- asking ---- */

static bool add_header(struct job *j, const char *name, const char *value)
{
    char line[1024];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    if (n < 0 || (size_t)n >= sizeof line) return true; /* longer than any that we gave out */
    struct curl_slist *longer = curl_slist_append(j->headers, line);
    if (longer) j->headers = longer;
    return longer != NULL;
}

static bool set_headers(struct job *j)
{
    bool same = strcmp(j->url, j->validators_url) == 0;
    return add_header(j, "Accept", accepted) &&
           (!same || !*j->etag || add_header(j, "If-None-Match", j->etag)) &&
           (!same || !*j->modified || add_header(j, "If-Modified-Since", j->modified)) &&
           curl_easy_setopt(j->easy, CURLOPT_HTTPHEADER, j->headers) == CURLE_OK;
}

/* Redirects are followed by us: one URL's validators must not go to another, and each status on the
 * way counts. */
static bool set_options(struct job *j)
{
    const struct fetch_limits *limits = &j->fetch->limits;
    CURL *e = j->easy;
    long left_ms = (long)(limits->total_ms - j->spent_ms);
#define SET(option, value) (curl_easy_setopt(e, CURLOPT_##option, value) == CURLE_OK)
    return SET(PROTOCOLS_STR, "http,https") && SET(NOSIGNAL, 1L) && SET(URL, j->url) &&
           SET(USERAGENT, j->fetch->user_agent) && SET(ACCEPT_ENCODING, "") &&
           SET(SUPPRESS_CONNECT_HEADERS, 1L) && SET(ERRORBUFFER, j->why) && SET(PRIVATE, j) &&
           SET(CONNECTTIMEOUT_MS, (long)limits->connect_ms) &&
           SET(TIMEOUT_MS, left_ms > 1 ? left_ms : 1L) && /* 0 would mean: none */
           SET(LOW_SPEED_LIMIT, (long)STALL_BYTES) && SET(LOW_SPEED_TIME, (long)limits->stall_s) &&
           /* A name server that is silent must not hold up the loop: giving up on a name leaves
            * its thread behind, which ends by itself. */
           SET(QUICK_EXIT, 1L) && SET(HEADERFUNCTION, on_header) && SET(HEADERDATA, j) &&
           SET(WRITEFUNCTION, on_body) && SET(WRITEDATA, j);
#undef SET
}

static bool job_go(struct job *j)
{
    http_head_init(&j->head);
    j->head_bytes = j->rest_bytes = 0;
    buf_clear(&j->body);
    *j->why = '\0';
    j->started_mono_ms = date_mono_ms();
    j->easy = curl_easy_init();
    return j->easy && set_options(j) && set_headers(j) &&
           curl_multi_add_handle(j->fetch->multi, j->easy) == CURLM_OK;
}

static void report(struct job *j, int status, const struct news_error *err)
{
    bool moved = !err && j->redirects && j->moved_for_good;
    struct fetch_result r = {
        .status = status,
        .final_url = j->url,
        .moved_to = moved ? j->url : "",
        .etag = j->head.etag,
        .modified = j->head.modified,
        .charset = j->head.charset,
        .max_age_s = http_head_fresh_s(&j->head),
        .retry_after_s = j->head.retry_after_s,
        .body = "",
    };
    if (err) r.err = *err;
    else if (j->body.len) r.body = j->body.data, r.len = j->body.len;
    unlink_job(j);
    job_stop(j);
    j->fetch->on_done(j->user, &r);
    job_free(j);
}

/* Has the host, or have all together, as many connections as they may? */
static bool must_wait(const struct job *waiting)
{
    size_t all = 0, same_host = 0;
    for (const struct job *j = waiting->fetch->jobs; j; j = j->next) {
        if (!j->easy) continue;
        all++;
        same_host += strcasecmp(j->host, waiting->host) == 0;
    }
    return all >= FETCH_PARALLEL || same_host >= FETCH_PER_HOST;
}

static struct job *next_to_go(struct fetch *f)
{
    struct job *j = f->jobs;
    while (j && (j->easy || must_wait(j)))
        j = j->next;
    return j;
}

/* Starts those whose turn it is. */
static void start_waiting(struct fetch *f)
{
    static const struct news_error memory = {NEWS_ERR_MEMORY, "out of memory"};
    while (f->slot_free) {
        struct job *j = next_to_go(f);
        f->slot_free = j != NULL;
        if (j && !job_go(j)) report(j, 0, &memory);
    }
}

/* ---- answers ---- */

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Goes on at target, when its turn comes. */
static bool redirect(struct job *j, long status, const char *target, struct news_error *err)
{
    if (++j->redirects > REDIRECTS_MAX)
        return news_fail(err, NEWS_ERR_DATA, "more than %d redirects", REDIRECTS_MAX);
    if (!is_http(target))
        return news_fail(err, NEWS_ERR_DATA, "redirected to what is neither http nor https");
    char *url = strdup(target), *host = host_of(target);
    if (!url || !host) {
        free(url);
        free(host);
        return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    }
    job_stop(j); /* target was part of it */
    j->fetch->slot_free = true;
    free(j->url);
    free(j->host);
    j->url = url;
    j->host = host;
    if (status != 301 && status != 308) j->moved_for_good = false;
    return true;
}

static void why_failed(const struct job *j, CURLcode code, struct news_error *err)
{
    /* Their own messages count milliseconds and bytes: never the same twice. */
    bool counts = code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
                  code == CURLE_PARTIAL_FILE;
    if (j->refused.code) *err = j->refused;
    else
        news_fail(err, NEWS_ERR_UNREACHABLE, "%s",
                  *j->why && !counts ? j->why : curl_easy_strerror(code));
}

static void job_ended(struct job *j, CURLcode code)
{
    struct news_error err = {0};
    long status = status_of(j);
    const char *target = NULL;
    (void)curl_easy_getinfo(j->easy, CURLINFO_REDIRECT_URL, &target);
    /* Of anything but a 200 the header says it all: it may break off. */
    bool answered = code == CURLE_OK || (status >= 300 && !j->refused.code);
    if (!answered) why_failed(j, code, &err);
    else if (is_redirect(status) && target && redirect(j, status, target, &err)) return;
    report(j, err.code ? 0 : (int)status, err.code ? &err : NULL);
}

static void read_messages(struct fetch *f)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(f->multi, &left));) {
        struct job *j = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result; /* m does not live longer than its handle */
        if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &j) == CURLE_OK) job_ended(j, code);
    }
}

/* ---- the loop ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
    (void)easy;
    struct fetch *f = user;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) event.events |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) event.events |= EPOLLOUT;
    int change = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    /* To say that it failed would end all transfers; so this one alone ends, at its deadline. */
    (void)epoll_ctl(f->epoll_fd, change, fd, &event);
    if (what != CURL_POLL_REMOVE) (void)curl_multi_assign(f->multi, fd, f);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    (void)multi;
    struct fetch *f = user;
    f->timer_mono_ms = timeout_ms < 0 ? INT64_MAX : date_mono_ms() + timeout_ms;
    return 0;
}

static void service(void *user, short revents)
{
    struct fetch *f = user;
    struct epoll_event events[EVENTS];
    int running, count = revents ? epoll_wait(f->epoll_fd, events, EVENTS, 0) : 0;
    for (int i = 0; i < count; i++) {
        int action = 0;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) action |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT) action |= CURL_CSELECT_OUT;
        if (events[i].events & EPOLLERR) action |= CURL_CSELECT_ERR;
        (void)curl_multi_socket_action(f->multi, events[i].data.fd, action, &running);
    }
    if (date_mono_ms() >= f->timer_mono_ms) {
        f->timer_mono_ms = INT64_MAX;
        (void)curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    read_messages(f);
    start_waiting(f);
}

void fetch_poll(struct fetch *f, struct poll_set *set)
{
    poll_set_add_always(set, f->epoll_fd, POLLIN, service, f);
    poll_set_deadline(set, f->slot_free ? 0 : f->timer_mono_ms);
}

/* ---- the whole ---- */

static bool set_up_multi(struct fetch *f)
{
    f->multi = curl_multi_init();
#define SET(option, value) (curl_multi_setopt(f->multi, CURLMOPT_##option, value) == CURLM_OK)
    return f->multi && SET(SOCKETFUNCTION, on_socket) && SET(SOCKETDATA, f) &&
           SET(TIMERFUNCTION, on_timer) && SET(TIMERDATA, f) &&
           /* Ours wait in our own queue; these count the idle connections, too. */
           SET(MAX_HOST_CONNECTIONS, (long)FETCH_PER_HOST) &&
           SET(MAX_TOTAL_CONNECTIONS, (long)FETCH_PARALLEL);
#undef SET
}

struct fetch *fetch_new(const char *user_agent,
                        void (*on_done)(void *user, const struct fetch_result *r),
                        struct news_error *err)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (!f) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    *f = (struct fetch){.epoll_fd = -1, .timer_mono_ms = INT64_MAX, .on_done = on_done};
    f->limits = (struct fetch_limits){
        .connect_ms = 10000, .total_ms = 60000, .stall_s = 20, .bytes = FEED_BYTES_MAX};
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; fails only for want of memory */
    f->user_agent = strdup(user_agent);
    f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (f->user_agent && f->epoll_fd >= 0 && set_up_multi(f)) return f;
    news_fail(err, NEWS_ERR_IO, "cannot fetch: %s", f->epoll_fd < 0 ? strerror(errno) : "libcurl");
    fetch_free(f);
    return NULL;
}

void fetch_free(struct fetch *f)
{
    if (!f) return;
    while (f->jobs) {
        struct job *j = f->jobs;
        unlink_job(j);
        job_free(j);
    }
    if (f->multi) (void)curl_multi_cleanup(f->multi);
    curl_global_cleanup();
    if (f->epoll_fd >= 0) (void)close(f->epoll_fd);
    free(f->user_agent);
    free(f);
}

void fetch_limit(struct fetch *f, const struct fetch_limits *limits)
{
    f->limits = *limits;
}

bool fetch_start(struct fetch *f, const struct fetch_request *r, struct news_error *err)
{
    if (!is_http(r->url))
        return news_fail(err, NEWS_ERR_CONFIG, "not a URL of http or https that can be asked");
    struct job *j = job_new(f, r);
    if (!j) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    struct job **end = &f->jobs;
    while (*end)
        end = &(*end)->next;
    *end = j;
    f->slot_free = true; /* begins in the loop, so that on_done is never called from here */
    return true;
}

void fetch_cancel(struct fetch *f, void *user)
{
    for (struct job *j = f->jobs, *next; j; j = next) {
        next = j->next;
        if (j->user != user) continue;
        unlink_job(j);
        job_free(j);
    }
}

size_t fetch_running(const struct fetch *f)
{
    size_t count = 0;
    for (const struct job *j = f->jobs; j; j = j->next)
        count++;
    return count;
}
