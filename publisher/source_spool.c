/* A directory that is watched: what is put there is published, and moved away.
 *
 * All of a file that went well goes to done/. A file of which anything was refused, or that holds
 * no item, goes to failed/ with NAME.error beside it, which says why; its good items are published
 * all the same, so that a mended file can simply be put back: what is known already is not sent
 * twice. A file moves only when the last of its items is committed. After a crash before that it is
 * read again, and the desk knows its items. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "publisher/input.h"
#include "publisher/source_kind.h"
#include "publisher/spool_folder.h"

enum {
    LOOK_MS = 30000, /* how often to look unasked, and how long to leave a broken directory */
    AGAIN_MS = 5000, /* after a batch that could not be committed */
    BUSY_MS = 1000,
    NAMES_MAX = 20000,       /* in memory at a time */
    FAULTS_MAX = 256 * 1024, /* bytes of one .error file */
};

struct progress {
    size_t answers; /* of input_next() that were dealt with */
    size_t items, refused;
    size_t fault_len; /* of faults */
    size_t left_out;  /* refused, but not among the faults: there were too many */
};

struct file {
    char name[NAME_MAX + 1];
    char shown[101];  /* of name, for messages: reasons need room as well */
    struct stat seen; /* what was opened */
    struct progress now, committed;
    struct buf faults; /* the lines of the .error file */
};

struct spool {
    struct source *source;
    struct spool_folder folder; /* dir -1: not open */
    int watch;                  /* inotify; -1: looked at every LOOK_MS only */
    bool dirty;                 /* something may have come since the last look */
    int64_t look_ms;            /* the next look, whatever is told */
    int64_t wait_ms;            /* nothing is done before */
    char **names;               /* of the last look, sorted; room for NAMES_MAX */
    size_t name_count, next;
    struct file hand;  /* being read, while its name is not "" */
    struct input *in;  /* of hand; NULL: to be opened */
    size_t skip;       /* answers of it that are committed already */
    bool lost;         /* the batch cannot be committed */
    struct file *over; /* read to the end, to be moved once committed; room for SOURCE_BATCH */
    size_t over_count;
};

/* ---- small things ---- */

static bool is_busy(const struct spool *sp)
{
    const struct sources_host *host = sp->source->host;
    return host->is_busy(host->user);
}

/* A clock that was put back does not make it wait for longer than was meant. */
static bool is_waiting(const struct spool *sp, int64_t now_ms)
{
    return now_ms < sp->wait_ms && sp->wait_ms - now_ms <= LOOK_MS;
}

static bool has_work(const struct spool *sp)
{
    return sp->dirty || *sp->hand.name || sp->next < sp->name_count || sp->over_count;
}

static void forget_names(struct spool *sp)
{
    for (size_t i = 0; i < sp->name_count; i++)
        free(sp->names[i]);
    sp->name_count = sp->next = 0;
}

static void forget_hand(struct spool *sp)
{
    input_close(sp->in);
    buf_deinit(&sp->hand.faults);
    sp->in = NULL;
    sp->hand = (struct file){0};
}

static void forget_over(struct spool *sp)
{
    for (size_t i = 0; i < sp->over_count; i++)
        buf_deinit(&sp->over[i].faults);
    sp->over_count = 0;
}

/* ---- the directory ---- */

static void close_folder(struct spool *sp)
{
    forget_names(sp);
    forget_hand(sp);
    forget_over(sp);
    if (sp->watch >= 0) (void)close(sp->watch);
    sp->watch = -1;
    spool_folder_close(&sp->folder);
}

static void wait_for_better(struct spool *sp, int64_t now_ms, const char *why)
{
    source_say(sp->source, true, "%s; looking again every %d s", why, LOOK_MS / 1000);
    sp->wait_ms = now_ms + LOOK_MS;
    sp->dirty = true;
}

static void watch_folder(struct spool *sp)
{
    static const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF;
    const char *path = sp->source->config.location;
    sp->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (sp->watch >= 0 && inotify_add_watch(sp->watch, path, events | IN_ONLYDIR) >= 0) return;
    log_error("%s: cannot be watched (%s): looked at every %d s", path, strerror(errno),
              LOOK_MS / 1000);
    if (sp->watch >= 0) (void)close(sp->watch);
    sp->watch = -1;
}

static bool open_folder(struct spool *sp, int64_t now_ms)
{
    struct news_error err = {0};
    if (spool_folder_open(&sp->folder, sp->source->config.location, &err)) {
        watch_folder(sp);
        sp->dirty = true;
        return true;
    }
    wait_for_better(sp, now_ms, err.message);
    return false;
}

/* ---- what is in it ---- */

static bool ends_with(const char *name, const char *end)
{
    size_t name_len = strlen(name), end_len = strlen(end);
    return name_len >= end_len && strcmp(name + name_len - end_len, end) == 0;
}

/* Names under which writers keep what is not complete yet. */
static bool is_passed_over(const char *name)
{
    return *name == '.' || ends_with(name, ".tmp") || ends_with(name, ".part") ||
           strcmp(name, "done") == 0 || strcmp(name, "failed") == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The greater half of the names has to wait for the next look. */
static void drop_half(struct spool *sp)
{
    qsort(sp->names, sp->name_count, sizeof *sp->names, by_name);
    while (sp->name_count > NAMES_MAX / 2)
        free(sp->names[--sp->name_count]);
    sp->dirty = true;
}

static bool list_names(struct spool *sp, DIR *dir)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(dir))) {
        if (is_passed_over(entry->d_name) || entry->d_type == DT_DIR) continue;
        if (sp->name_count == NAMES_MAX) drop_half(sp);
        char *copy = strdup(entry->d_name);
        if (!copy) return false;
        sp->names[sp->name_count++] = copy;
    }
    if (errno) return false;
    if (sp->dirty) drop_half(sp);
    else qsort(sp->names, sp->name_count, sizeof *sp->names, by_name);
    return true;
}

static bool look(struct spool *sp, int64_t now_ms)
{
    const char *path = sp->source->config.location;
    if (!spool_folder_in_place(&sp->folder, path)) {
        close_folder(sp);
        wait_for_better(sp, now_ms, "the directory, or a folder in it, has gone");
        return false;
    }
    forget_names(sp);
    sp->dirty = false;
    sp->look_ms = now_ms + LOOK_MS;
    int fd = openat(sp->folder.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool ok = dir && list_names(sp, dir);
    if (!ok) wait_for_better(sp, now_ms, strerror(errno));
    if (dir) (void)closedir(dir);
    else if (fd >= 0) (void)close(fd);
    return ok;
}

/* ---- one file ---- */

static void add_fault(struct file *f, const char *line)
{
    f->now.refused++;
    if (f->faults.len > FAULTS_MAX) {
        f->now.left_out++;
        return;
    }
    buf_printf(&f->faults, "%s\n", line);
    f->now.fault_len = f->faults.len;
}

static void refuse_part(struct spool *sp, const char *line)
{
    source_refuse(sp->source, line);
    add_fault(&sp->hand, line);
}

static void refuse_whole(struct spool *sp, const char *why)
{
    char line[256];
    (void)snprintf(line, sizeof line, "%s: %s", sp->hand.shown, why);
    refuse_part(sp, line);
}

/* The file in hand is over. */
static void finish(struct spool *sp)
{
    input_close(sp->in);
    sp->in = NULL;
    if (sp->hand.now.items == 0 && sp->hand.now.refused == 0) refuse_whole(sp, "holds no item");
    sp->over[sp->over_count++] = sp->hand;
    sp->hand = (struct file){0};
}

/* A lease for reading is refused while anybody has the file open for writing. It is given back at
 * once; should a writer come in between, the kernel is to send a signal that does nothing. Where
 * there are no leases for us (a file of another user), we do not know. */
static bool is_being_written(int fd)
{
    if (fcntl(fd, F_SETSIG, SIGURG) < 0) return false;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) return errno == EAGAIN;
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

enum opened { OPENED, REFUSED, LEFT, FAILED };

/* Opens the file in hand, of which the name is known, and sets what was seen of it. */
static enum opened open_file(struct spool *sp, int *fd)
{
    struct file *f = &sp->hand;
    struct stat now;
    if (fstatat(sp->folder.dir, f->name, &f->seen, AT_SYMLINK_NOFOLLOW) < 0 ||
        S_ISDIR(f->seen.st_mode))
        return LEFT;
    if (!S_ISREG(f->seen.st_mode)) {
        refuse_whole(sp, S_ISLNK(f->seen.st_mode) ? "is a symbolic link" : "is not a regular file");
        return REFUSED;
    }
    *fd = openat(sp->folder.dir, f->name,
                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) return FAILED;
    if (*fd < 0 && (errno == ENOENT || errno == ELOOP)) return LEFT;
    if (*fd < 0) {
        refuse_whole(sp, strerror(errno));
        return REFUSED;
    }
    /* Another file came under this name, or somebody is not done with it: that will be told. */
    if (fstat(*fd, &now) == 0 && spool_same_content(&now, &f->seen) && !is_being_written(*fd))
        return OPENED;
    (void)close(*fd);
    return LEFT;
}

static bool start_reading(struct spool *sp, int fd, int64_t now_ms)
{
    struct news_error err = {0};
    sp->skip = sp->hand.committed.answers;
    sp->in = input_adopt(fd, sp->hand.shown, now_ms, true, &err);
    if (!sp->in) wait_for_better(sp, now_ms, err.message);
    return sp->in != NULL;
}

/* Opens the file in hand, the first time or again. False: not now, or it is in hand no more. */
static bool open_hand(struct spool *sp, int64_t now_ms)
{
    struct stat before = sp->hand.seen;
    bool again = sp->hand.committed.answers > 0;
    int fd = -1;
    switch (open_file(sp, &fd)) {
    case FAILED: wait_for_better(sp, now_ms, strerror(errno)); return false;
    case LEFT: forget_hand(sp); return false;
    case REFUSED: finish(sp); return false;
    case OPENED: break;
    }
    if (!again || spool_same_content(&before, &sp->hand.seen)) return start_reading(sp, fd, now_ms);
    (void)close(fd);
    forget_hand(sp); /* not the one that was read halfway: from the start */
    sp->dirty = true;
    return false;
}

static void take_item(struct spool *sp, const struct ninjs *item)
{
    char where[sizeof sp->hand.shown + 32], line[sizeof where + 256];
    struct news_error why = {0};
    unsigned long at = input_item_line(sp->in);
    int n = snprintf(where, sizeof where, "%s", sp->hand.shown);
    if (at) (void)snprintf(where + n, sizeof where - (size_t)n, ":%lu", at);
    switch (source_take(sp->source, item, input_is_feed(sp->in), where, &why)) {
    case DESK_ACCEPTED:
    case DESK_KNOWN:
    case DESK_HELD: sp->hand.now.items++; break;
    case DESK_REFUSED:
        (void)snprintf(line, sizeof line, "%s: %s", where, why.message);
        add_fault(&sp->hand, line);
        break;
    case DESK_FAILED: sp->lost = true; break;
    }
}

/* The next answer of the file in hand. */
static void read_on(struct spool *sp)
{
    struct ninjs item;
    struct news_error err = {0};
    enum input_result r = input_next(sp->in, &item, &err);
    if (r == INPUT_MORE) {
        if (input_fill(sp->in, &err)) return;
        refuse_part(sp, err.message);
        finish(sp);
        return;
    }
    if (r == INPUT_END) {
        finish(sp);
        return;
    }
    if (sp->skip) {
        sp->skip--;
        return;
    }
    sp->hand.now.answers++;
    if (r == INPUT_NOTE) log_note("%s: %s", sp->source->config.name, err.message);
    else if (r == INPUT_FAULT) refuse_part(sp, err.message);
    else take_item(sp, &item);
}

/* ---- moving ---- */

static void tell(const struct spool *sp, const struct file *f)
{
    const char *name = sp->source->config.name;
    if (f->now.refused)
        log_error("%s: %s: moved to failed: %zu refused, %zu items taken", name, f->shown,
                  f->now.refused, f->now.items);
    else log_note("%s: %s: %zu items, done", name, f->shown, f->now.items);
}

/* What is over stays so, unless there is no place to move it to: then it is read again. */
static void settle_later(struct spool *sp, int64_t now_ms, const char *why)
{
    if (!spool_folder_in_place(&sp->folder, sp->source->config.location)) close_folder(sp);
    wait_for_better(sp, now_ms, why);
}

/* Moves what is over and committed. False: it has to be tried again, before anything else. */
static bool settle(struct spool *sp, int64_t now_ms)
{
    while (sp->over_count) {
        struct file *f = &sp->over[0];
        struct news_error err = {0};
        if (f->now.left_out) buf_printf(&f->faults, "%s: %zu more\n", f->shown, f->now.left_out);
        f->now.left_out = 0;
        const char *faults = f->faults.data ? f->faults.data : "";
        switch (spool_folder_move(&sp->folder, f->name, &f->seen, f->now.refused ? faults : NULL,
                                  &err)) {
        case SPOOL_MOVED: tell(sp, f); break;
        case SPOOL_OTHER: sp->dirty = true; break;
        case SPOOL_FAILED: settle_later(sp, now_ms, err.message); return false;
        }
        buf_deinit(&f->faults);
        memmove(f, f + 1, --sp->over_count * sizeof *f);
    }
    return true;
}

/* ---- batches ---- */

/* Nothing since the last commit counts. A file of which a part is committed goes on from there. */
static void roll_back(struct spool *sp, int64_t now_ms)
{
    if (sp->over_count && sp->over[0].committed.answers) {
        sp->hand = sp->over[0];
        sp->over_count = 0; /* it ended its batch */
    }
    forget_over(sp);
    input_close(sp->in);
    sp->in = NULL;
    if (sp->hand.committed.answers) {
        sp->hand.now = sp->hand.committed;
        buf_truncate(&sp->hand.faults, sp->hand.now.fault_len);
    } else {
        forget_hand(sp);
    }
    forget_names(sp);
    sp->lost = false;
    sp->dirty = true;
    sp->wait_ms = now_ms + AGAIN_MS;
}

static bool next_name(struct spool *sp)
{
    if (sp->next == sp->name_count) return false;
    (void)snprintf(sp->hand.name, sizeof sp->hand.name, "%s", sp->names[sp->next++]);
    (void)snprintf(sp->hand.shown, sizeof sp->hand.shown, "%.100s", sp->hand.name);
    return true;
}

/* False: there was nothing to do. A file that took several batches ends the last of them, so that
 * there is one at most to go on with when a batch is lost. */
static bool read_batch(struct spool *sp, int64_t now_ms)
{
    int steps = 0;
    while (steps < SOURCE_BATCH && !sp->lost && !is_waiting(sp, now_ms) && !is_busy(sp)) {
        if (!*sp->hand.name && !next_name(sp)) break;
        steps++;
        if (sp->in || open_hand(sp, now_ms)) read_on(sp);
        if (sp->over_count && sp->over[sp->over_count - 1].committed.answers) break;
    }
    return steps > 0;
}

static void end_batch(struct spool *sp, int64_t now_ms)
{
    if (!source_commit(sp->source)) {
        roll_back(sp, now_ms);
        return;
    }
    sp->hand.committed = sp->hand.now;
    if (settle(sp, now_ms) && !is_waiting(sp, now_ms)) source_say(sp->source, false, "ok");
}

static void spool_turn(void *self, int64_t now_ms)
{
    struct spool *sp = self;
    if (is_waiting(sp, now_ms) || is_busy(sp)) return;
    sp->wait_ms = 0;
    if (sp->folder.dir < 0 && !open_folder(sp, now_ms)) return;
    if (!settle(sp, now_ms)) return;
    if (now_ms >= sp->look_ms || sp->look_ms - now_ms > LOOK_MS) sp->dirty = true;
    if (!*sp->hand.name && sp->next == sp->name_count && (!sp->dirty || !look(sp, now_ms))) return;
    if (read_batch(sp, now_ms)) end_batch(sp, now_ms);
    else source_say(sp->source, false, "ok");
}

/* ---- the loop ---- */

/* Whatever it was, also an overflow: a look tells what there is. */
static void on_events(void *user, short revents)
{
    struct spool *sp = user;
    char events[4096] __attribute__((aligned(8)));
    (void)revents;
    while (read(sp->watch, events, sizeof events) > 0)
        sp->dirty = true;
}

static void spool_poll(void *self, struct poll_set *set)
{
    struct spool *sp = self;
    int64_t now_ms = date_now_ms(), mono_ms = date_mono_ms();
    poll_set_add(set, sp->watch, POLLIN, on_events, sp);
    if (is_waiting(sp, now_ms)) poll_set_deadline(set, mono_ms + sp->wait_ms - now_ms);
    else if (!has_work(sp)) poll_set_deadline(set, mono_ms + sp->look_ms - now_ms);
    else poll_set_deadline(set, is_busy(sp) ? mono_ms + BUSY_MS : mono_ms);
}

static void spool_close(void *self)
{
    struct spool *sp = self;
    if (!sp) return;
    close_folder(sp);
    free(sp->over);
    free(sp->names);
    free(sp);
}

static void *spool_open(struct source *s, struct news_error *err)
{
    struct spool *sp = calloc(1, sizeof *sp);
    if (!sp) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    *sp = (struct spool){.source = s, .folder = {-1, -1, -1}, .watch = -1, .dirty = true};
    sp->over = calloc(SOURCE_BATCH, sizeof *sp->over);
    sp->names = calloc(NAMES_MAX, sizeof *sp->names);
    if (sp->over && sp->names) return sp;
    news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    spool_close(sp);
    return NULL;
}

const struct source_kind_ops source_spool = {
    .open = spool_open, .close = spool_close, .poll = spool_poll, .turn = spool_turn};
