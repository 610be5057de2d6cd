/* subscriber/screen_parts.h - what the screen*.c files share; nobody else includes it.
 *
 * ncurses never has the terminal: it writes into a file in memory, from where its bytes are sent as
 * the terminal takes them, so that a stuck terminal cannot block the program; and it sets no modes,
 * so that one place knows how to put them back. */
#ifndef SUBSCRIBER_SCREEN_PARTS_H
#define SUBSCRIBER_SCREEN_PARTS_H

#include "subscriber/screen.h"

/* ---- screen_save.c: the terminal's modes and what is sent to it; without ncurses. One a process.
 */

bool tty_open(struct news_error *err);
void tty_close(void); /* what was not sent is dropped */
/* The modes of a full screen. From now on ending and the old modes are put back when the process
 * ends, however it does. ending is copied. */
void tty_take(const char *ending, size_t len);
/* The old modes. What waits is sent first, unless the terminal does not take it for a while. */
void tty_give_back(void);
bool tty_is_taken(void);

void tty_send(const char *bytes, size_t len); /* queued, and sent with tty_flush() */
/* Sends what the terminal takes now. True: all was sent. */
bool tty_flush(void);
bool tty_waits(void); /* something is still to be sent */
/* All was sent, and the terminal takes more. */
bool tty_ready(void);
bool tty_is_gone(void); /* a hangup, or writing failed */
/* False: unknown. */
bool tty_size(int *rows, int *columns);

/* ---- screen_input.c */

struct screen_input;

struct screen_input *input_new(bool mouse); /* behind newterm(); NULL: no memory */
void input_free(struct screen_input *in);   /* NULL is fine */
bool input_event(struct screen_input *in, struct screen_event *out, bool *gone);

#endif
