/* subscriber/tui_state.h - what the parts of the full screen share: for tui*.c alone. */
#ifndef SUBSCRIBER_TUI_STATE_H
#define SUBSCRIBER_TUI_STATE_H

#include "common/buf.h"
#include "subscriber/cli.h"
#include "subscriber/keys.h"
#include "subscriber/list_row.h"
#include "subscriber/model.h"
#include "subscriber/page.h"
#include "subscriber/prompt.h"
#include "subscriber/screen.h"
#include "subscriber/theme.h"
#include "subscriber/tui.h"

enum {
    /* At most 20 frames a second: what was typed is seen at once, or 50 ms after what was typed
     * before; what came waits for twice that, so that there is room for keys. */
    TUI_TYPED_MS = 50,
    TUI_FRAME_MS = 100,
    TUI_SLICE_MS = 5,      /* of background work in a turn */
    TUI_MESSAGE_MS = 5000, /* how long one stands above the status line */
    TUI_ROWS_MAX = 512,    /* of the screen that the mouse knows */
    TUI_MESSAGES_MAX = 200,
    TUI_RATE_SECONDS = 5,
    TUI_WAITING_MAX = 20000, /* committed items that are not in the list yet: reading stops */
    TUI_SIDE_COLUMNS = 110,  /* from here on list and item stand side by side */
    TUI_STACK_ROWS = 20,     /* likewise one above the other */
    TUI_ALSO_MAX = 8,        /* other tellings of a story in the item pane */
    TUI_MARKED_MAX = 256,    /* items marked in one transaction */
};

struct tui_area {
    int row, column, rows, columns;
};

/* ---- lists: the river, and what a search found ---- */

struct tui_list {
    struct model *model;
    struct rules *rules;
    struct list_rows *rows;
    int64_t cursor; /* the place it is wanted at; where that is not visible it is the nearest */
    int64_t top;    /* the place in the first line; MODEL_NONE: the first there is */
    bool following; /* the cursor stays on the newest */
    size_t above;   /* entries above the cursor, as drawn last when all were judged */
    bool keep_row;  /* they are judged again: the cursor is to stay in that line */
    struct tui_area area;         /* as drawn last */
    int64_t at_row[TUI_ROWS_MAX]; /* the place each line of it shows; MODEL_NONE */
};

/* A search goes through what is loaded, and on demand on through the whole store. */
struct tui_search {
    struct tui_list list;
    struct filter *filter;
    char *text;                 /* as it was typed */
    struct buf words;           /* those that are looked for: page_mark() */
    struct history_search *run; /* NULL: the range is done */
    int64_t first;              /* of the range that is searched */
    int64_t before;             /* everything from here on was searched */
    bool whole_store, full;
};

/* ---- pages ---- */

enum tui_page_kind {
    TUI_NO_PAGE,
    TUI_HELP,
    TUI_MESSAGES,
    TUI_GAPS,
    TUI_SOURCE,
    TUI_VERSIONS,
    TUI_LINKS,
};

struct tui_pane {
    struct page *page;
    size_t top;
    struct tui_area area; /* as drawn last; no rows: it is not on the screen */
};

/* What the item pane shows; compared, to know when it has to be made anew. */
struct tui_shown {
    const struct tui_list *list;
    int64_t place, id, follower;
    unsigned followers;
    bool waits;
};

/* ---- the rest ---- */

enum tui_layout { TUI_AUTO, TUI_SIDE, TUI_STACKED, TUI_LIST, TUI_LAYOUTS };

struct tui_message {
    char *text;
    int64_t unix_ms;
    bool grave;
};

struct tui_rate {
    unsigned seconds[TUI_RATE_SECONDS];
    int64_t now_s;        /* monotonic; its slot is filled at present */
    int64_t lag_ms;       /* of the last item; DATE_UNKNOWN */
    int64_t last_mono_ms; /* when it came */
};

/* Marks of the open transaction, to be put back when the store refuses it. */
struct tui_marked {
    int64_t id;
    unsigned in_river, in_search; /* what they were there */
};

struct ids {
    int64_t *items;
    size_t count, size;
};

struct tui {
    struct tui_options o;
    struct theme theme;
    struct keys *keys;
    struct screen *screen;
    struct prompt *prompt;

    struct tui_list river;
    struct tui_search *search; /* NULL: none */
    struct tui_list *list;     /* the one on the screen */
    struct tui_pane item, page;
    struct tui_shown shown;
    enum tui_page_kind page_kind; /* what page shows, over the whole body */
    bool opened;                  /* the item was: where there is no pane for it, it has one now */
    bool item_focus;              /* keys move in the item, not in the list; opened is set, too */
    bool newest_last;
    enum tui_layout layout;
    int64_t clicked; /* the place of the last click */

    bool prompting;
    enum prompt_kind prompt_kind;
    int64_t prompt_id;    /* the row it is about, wherever the cursor goes meanwhile */
    struct buf completed; /* the last candidate */
    char *searched;       /* the last search's text; NULL */

    struct tui_message messages[TUI_MESSAGES_MAX]; /* a ring */
    size_t message_count;                          /* ever */
    int64_t message_until_mono_ms;

    struct ids pending;   /* of the open batch */
    struct ids committed; /* to be put into the list, from committed_at on */
    size_t committed_at;
    int64_t older;                            /* rows with lower ids are not loaded; 0: all are */
    bool loading;                             /* there are some, and there is room for them */
    struct tui_list *reading;                 /* the list all-read goes on in; NULL: it is done */
    int64_t read_up_to;                       /* it goes on below this place */
    int64_t read_down_to;                     /* the last place it is about */
    size_t read_count;                        /* marked so far */
    bool look_for_pruned;                     /* the oldest entries may have gone from the store */
    int64_t judge_mono_ms;                    /* rows could not be had: not before */
    struct tui_marked marked[TUI_MARKED_MAX]; /* not committed yet */
    size_t marked_count;
    struct tui_rate rate;

    struct tui_status status;
    size_t memory_bytes;
    struct buf status_text;               /* as drawn last */
    int64_t second_mono_ms;               /* the next look at clocks and status */
    int64_t clock_next_ms;                /* the next embargo or expiry */
    int64_t aged_mono_ms;                 /* when filters that ask the age were last asked anew */
    int day;                              /* of the year; when it changes, rows look different */
    bool dirty, typed;                    /* a frame is wanted; because of a key */
    int64_t frame_mono_ms, typed_mono_ms; /* the last one; the last one because of a key */
    bool busy;                            /* there is work for the next turn */
};

/* ---- tui_views.c ---- */

bool list_open(struct tui_list *l, const struct tui *t, struct rules *rules, bool fold,
               struct news_error *err);
void list_close(struct tui_list *l); /* not the rules */
/* Lines from the top: d counts visible entries as they stand on the screen. */
size_t list_place_at(const struct tui *t, const struct tui_list *l, int64_t place);
int64_t list_place(const struct tui *t, const struct tui_list *l, size_t d);
/* Where the cursor is; SIZE_MAX in an empty list. */
size_t list_cursor(const struct tui *t, const struct tui_list *l);
const struct model_entry *list_entry(const struct tui *t, const struct tui_list *l);
void list_move(struct tui *t, struct tui_list *l, size_t d);
void list_follow(struct tui *t, struct tui_list *l);
/* After something came or went: who follows is on the newest, which is fresh no more. */
void list_catch_up(struct tui_list *l);

/* The page that keys scroll; NULL: they move in the list. */
struct tui_pane *pane_of_keys(struct tui *t);
void pane_scroll(struct tui_pane *p, long lines);
void pane_begin(struct tui *t, enum tui_page_kind kind);
void pane_end(struct tui *t);
/* Makes the item's page what it has to be. */
void item_refresh(struct tui *t);
/* Keys go to the item at the cursor from here on, and the list waits. False: it is empty. */
bool item_enter(struct tui *t);
void item_open(struct tui *t);
void item_close(struct tui *t);
void search_close(struct tui *t);
/* Pages over everything: of what was said; of a row, which user, the struct tui, then shows. */
void page_of_messages(struct page *p, const struct tui *t);
bool page_source_row(void *user, const struct history_row *row);
bool page_links_row(void *user, const struct history_row *row);
bool page_version_row(void *user, const struct history_row *row); /* one after the other */

/* An item of its own: history's rows live for the call alone. */
struct telling {
    struct buf topic, bytes;
    int64_t received_ms;
    struct ninjs item;
    struct arrival arrival;
};
/* copy zeroed; to be deinitialised whatever the answer. */
bool telling_read(struct telling *copy, const struct tui *t, int64_t id);
void telling_deinit(struct telling *copy);

/* ---- tui_load.c ---- */

/* A slice; sets t->busy. */
void load_turn(struct tui *t);
/* The first screenful. */
bool load_first(struct tui *t, struct news_error *err);
/* The lowest id of what is loaded. */
int64_t load_bound(const struct tui *t);
bool search_begin(struct tui *t, const char *text, struct filter *f);
/* The rules of the list changed. */
void load_judge(struct tui *t, struct tui_list *l);
bool ids_add(struct ids *ids, int64_t id);

/* ---- commands: tui_move.c, tui_hand.c, tui_choose.c, tui_command.c ---- */

struct tui_action {
    enum command command;
    void (*run)(struct tui *t); /* NULL: behind the last */
};
extern const struct tui_action tui_moves[], tui_hands[], tui_choices[];
void command_run(struct tui *t, enum command c);
/* A digit that is bound to nothing opens the link of that number, where links are shown. */
bool command_digit(struct tui *t, int code);
/* What was typed at the prompt. */
void command_entered(struct tui *t, enum prompt_kind kind, const char *text);
void command_check(struct tui *t); /* after each key in a prompt: tells what is wrong so far */
void prompt_ask(struct tui *t, enum prompt_kind kind, const char *title, const char *text,
                const char *(*complete)(void *user, const char *prefix, size_t i));
/* The item that the prompt is about to a command, into a file. The link of that number of the page
 * of links, or of the item's, to the browser. */
void hand_pipe(struct tui *t, const char *command);
void hand_save(struct tui *t, const char *name);
void hand_link(struct tui *t, const char *number);
/* The place of the cursor; MODEL_NONE: the list is empty, which is said. */
int64_t item_chosen(struct tui *t);
void mark_chosen(struct tui *t, unsigned set, unsigned clear);
/* The item at the cursor, unless it is to stay unread. */
void mark_read(struct tui *t);
/* Sets marks of the item at the place, in the store and in all lists. False: it had them, or they
 * cannot be set, which is said. */
bool mark_item(struct tui *t, struct tui_list *l, int64_t place, unsigned set, unsigned clear);
/* False: the store refused them; they are put back, which is said. */
bool commit_marks(struct tui *t);

/* ---- tui_draw.c, tui_bars.c, tui_mouse.c ---- */

void draw_frame(struct tui *t);
bool draw_too_small(const struct tui *t);
bool layout_has_item(const struct tui *t); /* is there a pane for it beside the list? */
void bar_title(struct tui *t, int row);
void bar_status(struct tui *t, int row);
void bar_message(struct tui *t, int row);
/* The status line as text: whoever compares it knows whether it has to be drawn. */
void bar_status_text(struct tui *t, struct buf *out);
void rate_second(struct tui *t, int64_t now_mono_ms);
void mouse_click(struct tui *t, const struct screen_event *e);
void mouse_wheel(struct tui *t, const struct screen_event *e);

/* ---- tui.c ---- */

__attribute__((format(printf, 3, 4))) void tui_say(struct tui *t, bool grave, const char *format,
                                                   ...);
const struct tui_message *message_at(const struct tui *t, size_t back); /* 0: the last; NULL */

#endif
