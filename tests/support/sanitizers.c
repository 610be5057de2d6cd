/* What sanitizers are told about libraries that are not ours. Linked into every test. */

/* libmosquitto 2.0.11 unlocks a mutex it does not hold when the server sends DISCONNECT
 * (do_client_disconnect(), written for its other caller). One thread has the handle at any time,
 * so nothing depends on it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "mutex:libmosquitto.so\n";
}
