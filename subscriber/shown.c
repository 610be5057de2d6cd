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

static bool cut_file(const struct store_shown *shown, int fd, struct news_error *err)
{
    struct stat file;
    if (shown->length < 0 || !is_file(fd, &file) || file.st_dev != shown->device ||
        file.st_ino != shown->inode || file.st_size <= shown->length)
        return true;
    if (ftruncate(fd, shown->length) == 0 && lseek(fd, shown->length, SEEK_SET) >= 0) return true;
    return news_fail(err, NEWS_ERR_IO, "standard output: %s", strerror(errno));
}

bool shown_init(struct shown *s, struct store *store, int fd, struct news_error *err)
{
    *s = (struct shown){.store = store};
    if (!store) return true;
    if (!store_shown(store, &s->out, err) || !cut_file(&s->out, fd, err)) return false;
    s->put_id = s->recorded_id = s->out.id;
    return true;
}

void shown_out(struct shown *s, int fd)
{
    struct stat file;
    if (!s->store || s->put_id == s->out.id) return;
    s->out = (struct store_shown){.id = s->put_id, .length = -1};
    if (!is_file(fd, &file)) return;
    s->out.device = file.st_dev;
    s->out.inode = file.st_ino;
    s->out.length = file.st_size;
}

void shown_record(struct shown *s)
{
    struct news_error err; /* if this fails, so does the commit */
    if (!s->store || s->out.id <= s->recorded_id) return;
    if (store_set_shown(s->store, &s->out, &err)) s->recording = s->out;
}

void shown_committed(struct shown *s)
{
    if (s->recording.id > s->recorded_id) s->recorded_id = s->recording.id;
    s->recorded_mono_ms = date_mono_ms();
}

int64_t shown_due(const struct shown *s)
{
    return s->store && s->out.id > s->recorded_id ? s->recorded_mono_ms + LAG_MS : INT64_MAX;
}
