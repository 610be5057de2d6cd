#include "subscriber/shown.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/date.h"

enum { LAG_MS = 500 }; /* of the record behind the truth, while nothing else is committed */

static bool is_file(int fd, struct stat *file)
{
    return fstat(fd, file) == 0 && S_ISREG(file->st_mode);
}

static bool is_same(const struct store_shown *a, const struct store_shown *b)
{
    return a->id == b->id && a->device == b->device && a->inode == b->inode &&
           a->length == b->length;
}

/* Everything up to id was shown, and this is where. */
static struct store_shown shown_at(int64_t id, int fd)
{
    struct store_shown now = {.id = id, .length = -1};
    struct stat file;
    if (!is_file(fd, &file)) return now;
    now.device = file.st_dev;
    now.inode = file.st_ino;
    now.length = file.st_size;
    return now;
}

/* Only after a crash: what a clean end left behind the recorded length is not ours. */
static bool cut_file(struct shown *s, int fd, struct news_error *err)
{
    const struct store_shown *shown = &s->recorded;
    struct stat file;
    if (!db_was_unclean(store_db(s->store)) || shown->length < 0 || !is_file(fd, &file) ||
        file.st_dev != shown->device || file.st_ino != shown->inode ||
        file.st_size <= shown->length)
        return true;
    s->cut = file.st_size - shown->length;
    if (ftruncate(fd, shown->length) == 0 && lseek(fd, shown->length, SEEK_SET) >= 0) return true;
    return news_fail(err, NEWS_ERR_IO, "standard output: %s", strerror(errno));
}

bool shown_init(struct shown *s, struct store *store, int fd, struct news_error *err)
{
    *s = (struct shown){.store = store};
    if (!store) return true;
    if (!store_shown(store, &s->recorded, err) || !cut_file(s, fd, err)) return false;
    s->put_id = s->committed_id = s->recorded.id;
    s->out = s->recorded;
    struct store_shown now = shown_at(s->put_id, fd);
    if (now.length < 0 || is_same(&now, &s->recorded)) return true;
    /* A file's length has to be known before the first byte goes into it, or a crash could not tell
     * what to cut. */
    s->out = now;
    if (!store_begin(store, err) || !store_set_shown(store, &s->out, err) ||
        !store_commit(store, NULL, err))
        return false;
    s->recorded = s->out;
    return true;
}

void shown_put(struct shown *s, int64_t id)
{
    if (id > s->put_id) s->put_id = id;
    s->put = true;
}

void shown_out(struct shown *s, int fd)
{
    if (!s->store || !s->put) return;
    s->put = false;
    s->out = shown_at(s->put_id, fd);
}

void shown_record(struct shown *s)
{
    struct news_error err; /* if this fails, so does the commit */
    s->is_recording = s->store && !is_same(&s->out, &s->recorded) &&
                      store_set_shown(s->store, &s->out, &err);
    s->recording = s->out;
}

void shown_committed(struct shown *s)
{
    if (s->is_recording) s->recorded = s->recording;
    s->is_recording = false;
    s->committed_id = s->put_id;
    s->recorded_mono_ms = date_mono_ms();
}

void shown_undo(struct shown *s)
{
    s->is_recording = false;
    s->put_id = s->committed_id;
}

int64_t shown_due(const struct shown *s)
{
    return s->store && !is_same(&s->out, &s->recorded) ? s->recorded_mono_ms + LAG_MS : INT64_MAX;
}
