#include "bench/newsbench/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const table[SAY_COUNT][LANGUAGES] = {
    [SAY_PAGE_TITLE] = {"What the transports cost", "Ce que coûtent les transports"},
    [SAY_LANGUAGE_NAME] = {"English", "Français"},
    [SAY_AT_A_GLANCE] = {"The answer at a glance", "La réponse en un coup d’œil"},
    [SAY_GLANCE_HOW] = {"A difference is named only when the 95 % interval of the ratio leaves 1 "
                        "out and the effect is above 5 %. Lower is better everywhere. × is the "
                        "ratio first / second. “3 of 15”: in three of fifteen conditions.",
                        "Une différence n’est nommée que si l’intervalle à 95 % du rapport exclut "
                        "1 et si l’effet dépasse 5 %. Partout, moins vaut mieux. × est le rapport "
                        "premier / second. « 3 sur 15 » : dans trois conditions sur quinze."},
    [SAY_TOO_NOISY] =
        {"This machine is too noisy for these conclusions: %1 of %2 runs are invalid.",
         "Cette machine est trop bruyante pour ces conclusions : %1 mesures sur %2 sont "
         "invalides."},
    [SAY_SILENT_LOSS] =
        {"Silent loss: with %1, %2 deliveries went missing and nobody was told.",
         "Perte silencieuse : avec %1, %2 livraisons manquent et personne n’en a été averti."},
    [SAY_NOT_COMPLETE] = {"The measurement was broken off: not every block of every cell was run.",
                          "La mesure a été interrompue : tous les blocs n’ont pas été parcourus."},
    [SAY_INDICATIVE] = {"Indicative alone: with fewer than %1 blocks, nothing is claimed.",
                        "À titre indicatif : avec moins de %1 blocs, rien n’est affirmé."},
    [SAY_QUESTION] = {"Question %1", "Question %1"},
    [SAY_PREDICT] = {"Before you look: what was expected",
                     "Avant de regarder : ce qui était attendu"},
    [SAY_CONCLUDE] = {"What you may conclude", "Ce que l’on peut conclure"},
    [SAY_BEWARE] = {"What you may not conclude", "Ce que l’on ne peut pas conclure"},
    [SAY_OTHER_CONDITIONS] = {"The other conditions (%1)", "Les autres conditions (%1)"},
    [SAY_NUMBERS] = {"In numbers", "En chiffres"},
    [SAY_ALL_COMPARISONS] = {"Every comparison made (%1)", "Toutes les comparaisons faites (%1)"},
    [SAY_COMPARISON_COUNT] =
        {"%1 comparisons were made; chance alone may make up to %2 of them look like a difference.",
         "%1 comparaisons ont été faites ; le hasard seul peut en faire passer jusqu’à %2 pour une "
         "différence."},
    [SAY_NO_COMPARISON] = {"Nothing is compared here: no two carriers give the same guarantee and "
                           "the same secrecy, or none was measured often enough.",
                           "Rien n’est comparé ici : aucune paire de transports n’offre la même "
                           "garantie et le même secret, ou n’a été mesurée assez souvent."},
    [SAY_SAME_EVERYWHERE] = {"Everywhere: %1", "Partout : %1"},
    [SAY_BASE] = {"the base of the plan", "la base du plan"},
    [SAY_SCEPTIC] = {"For the sceptic", "Pour les sceptiques"},
    [SAY_SCEPTIC_INTRO] = {"All that is needed to doubt these results, and to repeat them.",
                           "Tout ce qu’il faut pour douter de ces résultats, et pour les refaire."},
    [SAY_NOTHING_MEASURED] = {"Nothing was measured.", "Rien n’a été mesuré."},

    [SAY_PAIR] = {"%1 against %2", "%1 face à %2"},
    [SAY_LOWER] = {"lower, %1 ×", "plus bas, %1 ×"},
    [SAY_HIGHER] = {"higher, %1 ×", "plus haut, %1 ×"},
    [SAY_NO_DIFFERENCE] = {"no difference shown", "pas de différence montrée"},
    [SAY_TOO_FEW] = {"too few blocks (%1 ×)", "trop peu de blocs (%1 ×)"},
    [SAY_LOWER_IN] = {"lower in %1 of %2", "plus bas dans %1 sur %2"},
    [SAY_HIGHER_IN] = {"higher in %1 of %2", "plus haut dans %1 sur %2"},
    [SAY_NONE_IN] = {"no difference shown in %1", "pas de différence montrée dans %1"},
    [SAY_FEW_IN] = {"too few blocks in %1", "trop peu de blocs dans %1"},
    [SAY_PAIR_HEAD] = {"The first, against the second", "Le premier, face au second"},
    [SAY_CLASS_HEAD] = {"Guarantee", "Garantie"},

    [SAY_BEST_EFFORT] = {"best effort", "au mieux"},
    [SAY_AT_LEAST_ONCE] = {"at least once", "au moins une fois"},
    [SAY_EXACTLY_ONCE] = {"exactly once", "exactement une fois"},
    [SAY_IN_CLEAR] = {"in clear", "en clair"},
    [SAY_AUTHENTICATED] = {"authenticated", "authentifié"},
    [SAY_SEALED] = {"sealed", "chiffré"},
    [SAY_CLASS] = {"%1, %2", "%1, %2"},

    [SAY_CARRIER] = {"Carrier", "Transport"},
    [SAY_VALID_BLOCKS] = {"Valid blocks", "Blocs valides"},
    [SAY_OF] = {"%1 of %2", "%1 sur %2"},
    [SAY_INTERVAL] = {"%1 to %2", "%1 à %2"},

    [SAY_DOTS] = {"Every block: %1", "Chaque bloc : %1"},
    [SAY_DOTS_HOW] = {"A mark for each block: hollow ones are invalid and count for nothing. The "
                      "bar is the median, the line through it its 95 % interval.",
                      "Une marque par bloc : les creuses sont invalides et ne comptent pas. La "
                      "barre est la médiane, le trait son intervalle à 95 %."},
    [SAY_PERCENTILES] = {"Latency by percentile", "Latence par percentile"},
    [SAY_PERCENTILES_HOW] =
        {"How late the slowest items are: each step to the right is ten times rarer. Thin: one "
         "block. Thick: the median of the blocks. Lines end where fewer than ten items lie beyond.",
         "Le retard des articles les plus lents : chaque pas vers la droite est dix fois plus "
         "rare. Fin : un bloc. Épais : la médiane des blocs. Les lignes s’arrêtent quand moins de "
         "dix articles restent au-delà."},
    [SAY_OMISSION] = {"Two clocks for one delay: p99", "Deux mesures d’un même délai : p99"},
    [SAY_OMISSION_HOW] =
        {"Hollow: from when the item was really sent. Filled: from when it should have been sent. "
         "Whoever measures the first alone does not see the wait between them: coordinated "
         "omission.",
         "Creux : depuis l’envoi réel. Plein : depuis l’envoi prévu. Qui ne mesure que le premier "
         "ne voit pas l’attente entre les deux : l’omission coordonnée."},
    [SAY_DELIVERY] = {"What arrived, and what did not", "Ce qui est arrivé, et ce qui manque"},
    [SAY_DELIVERY_HOW] = {"Of all deliveries expected in valid blocks. Hatched: lost, and the "
                          "subscriber was told. Dark, with a cross: lost in silence.",
                          "De toutes les livraisons attendues des blocs valides. Hachuré : perdu, "
                          "et l’abonné le sait. Foncé, avec une croix : perdu en silence."},
    [SAY_ALL_ARRIVED] = {"%1: everything arrived, once and in order (%2 deliveries).",
                         "%1 : tout est arrivé, une fois et dans l’ordre (%2 livraisons)."},
    [SAY_WIRE] = {"Bytes on the wire for each item delivered",
                  "Octets sur le fil par article livré"},
    [SAY_WIRE_HOW] =
        {"Both directions, headers included, as the network saw them: medians of the valid blocks.",
         "Dans les deux sens, en-têtes compris, vus par le réseau : médianes des blocs valides."},
    [SAY_CPU] = {"Processor time for each item delivered", "Temps de processeur par article livré"},
    [SAY_CPU_HOW] = {"By process, and what the kernel did for the network without charging anyone "
                     "(softirq): medians of the valid blocks.",
                     "Par processus, plus ce que le noyau a fait pour le réseau sans l’imputer "
                     "(softirq) : médianes des blocs valides."},
    [SAY_TIMELINE] = {"Second by second", "Seconde par seconde"},
    [SAY_TIMELINE_HOW] =
        {"One block (%1). Thick: median response of the second. Thin, up to the tick: the slowest "
         "item. ▲ segments sent again. ✖ items of this second are missing.",
         "Un bloc (%1). Épais : réponse médiane de la seconde. Fin, jusqu’au tiret : l’article le "
         "plus lent. ▲ segments renvoyés. ✖ des articles de cette seconde manquent."},
    [SAY_LOAD] = {"Under load: %1", "Sous charge : %1"},
    [SAY_LOAD_HOW] =
        {"Medians with 95 % intervals. The dropped line marks the knee: the highest rate that was "
         "still carried. What lies beyond is overload, and has no latency.",
         "Médianes avec intervalles à 95 %. La verticale marque le coude : le plus haut débit "
         "encore tenu. Au-delà, c’est la surcharge, qui n’a pas de latence."},
    [SAY_ACHIEVED] = {"Offered and achieved", "Offert et obtenu"},
    [SAY_ACHIEVED_HOW] =
        {"On the diagonal all that was offered arrived. Below it, at the hollow marks, it did not.",
         "Sur la diagonale, tout ce qui était offert est arrivé. En dessous, aux marques creuses, "
         "non."},
    [SAY_AGAINST] = {"%1, against %2", "%1, selon : %2"},
    [SAY_AGAINST_HOW] = {"Medians of the valid blocks, with their 95 % intervals.",
                         "Médianes des blocs valides, avec leurs intervalles à 95 %."},
    [SAY_TOO_FEW_ITEMS] = {"Too few items were measured for this figure.",
                           "Trop peu d’articles ont été mesurés pour cette valeur."},

    [SAY_AXIS_UNIT] = {"%1 (%2)", "%1 (%2)"},
    [SAY_PERCENTILE] = {"percentile", "percentile"},
    [SAY_RESPONSE_MS] = {"response (ms)", "réponse (ms)"},
    [SAY_SHARE_DELIVERED] = {"delivered (%)", "livré (%)"},
    [SAY_BYTES_ITEM] = {"bytes per item delivered", "octets par article livré"},
    [SAY_CPU_ITEM] = {"µs per item delivered", "µs par article livré"},
    [SAY_SECONDS] = {"seconds of the measured part", "secondes de la partie mesurée"},
    [SAY_ITEMS_OFFERED] = {"offered (items a second)", "offert (articles par seconde)"},
    [SAY_ITEMS_ACHIEVED] = {"achieved (items a second)", "obtenu (articles par seconde)"},
    [SAY_DIAGONAL] = {"offered = achieved", "offert = obtenu"},
    [SAY_KNEE] = {"%1: up to %2/s", "%1 : jusqu’à %2/s"},
    [SAY_FAULT] = {"fault of the server", "panne du serveur"},
    [SAY_TRANSPORT] = {"from the real sending", "depuis l’envoi réel"},
    [SAY_RESPONSE] = {"from the intended sending", "depuis l’envoi prévu"},
    [SAY_LOST] = {"lost", "perdus"},
    [SAY_SILENT] = {"in silence", "en silence"},
    [SAY_TWICE] = {"twice", "doublés"},
    [SAY_REORDERED] = {"reordered", "désordre"},
    [SAY_DELIVERED] = {"delivered", "livrés"},
    [SAY_ANNOUNCED] = {"lost, and told", "perdus, annoncés"},
    [SAY_PAYLOAD] = {"payload", "contenu"},
    [SAY_TOPIC] = {"topic", "sujet"},
    [SAY_APPLICATION] = {"application's headers", "en-têtes applicatifs"},
    [SAY_UNDERNEATH] = {"TCP/IP headers, ACKs, repairs", "en-têtes TCP/IP, ACK, réparations"},
    [SAY_EVERYTHING_ELSE] = {"all headers, answers, repairs", "en-têtes, réponses, réparations"},
    [SAY_PUBLISHER] = {"publisher", "éditeur"},
    [SAY_SUBSCRIBERS] = {"subscribers", "abonnés"},
    [SAY_SERVER] = {"server", "serveur"},
    [SAY_SOFTIRQ] = {"kernel (softirq)", "noyau (softirq)"},
    [SAY_SENT_AGAIN] = {"segments sent again", "segments renvoyés"},
    [SAY_MISSING] = {"items missing", "articles manquants"},
    [SAY_INVALID] = {"invalid", "invalide"},
    [SAY_NOT_RUN] = {"not run", "non mesuré"},
    [SAY_MORE_LINES] = {"and %1 more", "et %1 de plus"},

    [SAY_REPEAT] = {"To repeat it", "Pour refaire la mesure"},
    [SAY_REPEAT_HOW] = {"Save the plan below as %1.plan; the same seed gives the same schedules, "
                        "payloads, order of runs and network.",
                        "Enregistrer le plan ci-dessous sous %1.plan ; la même graine donne les "
                        "mêmes horaires, contenus, ordre des mesures et réseau."},
    [SAY_SEED] = {"Seed", "Graine"},
    [SAY_BLOCKS] = {"Blocks", "Blocs"},
    [SAY_TOOK] = {"It took (s)", "Durée (s)"},
    [SAY_PLAN_SOURCE] = {"The plan, as it was read", "Le plan, tel qu’il a été lu"},
    [SAY_ENVIRONMENT] = {"Where it was measured", "Où la mesure a été faite"},
    [SAY_AS_ABOVE] = {"The same machine and settings as for question 1.",
                      "La même machine et les mêmes réglages que pour la question 1."},
    [SAY_GATES] = {"Gates of validity", "Critères de validité"},
    [SAY_GATES_HOW] = {"A run whose value is above the threshold is kept, marked invalid, and left "
                       "out of every verdict.",
                       "Une mesure dont la valeur dépasse le seuil est gardée, marquée invalide et "
                       "exclue de tout verdict."},
    [SAY_GATE] = {"Gate", "Critère"},
    [SAY_THRESHOLD] = {"Threshold", "Seuil"},
    [SAY_WORST] = {"Worst value", "Pire valeur"},
    [SAY_PASSED] = {"Passed", "Satisfait"},
    [SAY_INVALID_RUNS] = {"Invalid runs", "Mesures invalides"},
    [SAY_INVALID_RUNS_NONE] = {"None.", "Aucune."},
    [SAY_SKIPPED_RUNS] = {"Not run", "Non mesuré"},
    [SAY_BLOCK] = {"Block", "Bloc"},
    [SAY_CONDITION] = {"Condition", "Condition"},
    [SAY_FACTOR_VALUE] = {"%1: %2", "%1 : %2"},
    [SAY_ENUMERATION] = {"%1, %2", "%1, %2"},
    [SAY_MS] = {"%1 ms", "%1 ms"},
    [SAY_S] = {"%1 s", "%1 s"},
    [SAY_PERCENT] = {"%1%", "%1 %"},
    [SAY_QUANTITY] = {"%1 %2", "%1 %2"},
    [SAY_SATURATED] = {"saturated: not all that was offered could be sent",
                       "saturé : tout ce qui était offert n’a pas pu être envoyé"},
    [SAY_REASONS] = {"Why", "Pourquoi"},
    [SAY_NOTES] = {"What servers and carriers had to say",
                   "Ce que serveurs et transports ont signalé"},
};

struct words words_both(const char *english, const char *french)
{
    struct words w;
    bool has_english = english && *english, has_french = french && *french;
    const char *en = has_english ? english : has_french ? french : "";
    (void)snprintf(w.in[ENGLISH], sizeof w.in[ENGLISH], "%s", en);
    (void)snprintf(w.in[FRENCH], sizeof w.in[FRENCH], "%s", has_french ? french : en);
    return w;
}

struct words words_plain(const char *text)
{
    return words_both(text, NULL);
}

struct words words_say(enum say what)
{
    return words_both(table[what][ENGLISH], table[what][FRENCH]);
}

static void append(char *out, size_t size, const char *bytes, size_t len)
{
    size_t used = strlen(out);
    size_t room = size - used - 1;
    if (len > room) len = room;
    memcpy(out + used, bytes, len);
    out[used + len] = '\0';
}

static void fill(char *out, size_t size, const char *form, enum language l,
                 const struct words *const *with, size_t count)
{
    out[0] = '\0';
    while (*form) {
        size_t plain = strcspn(form, "%");
        append(out, size, form, plain);
        form += plain;
        if (*form == '\0') return;
        size_t which = (size_t)(unsigned char)form[1] - '1';
        if (which < count) {
            append(out, size, with[which]->in[l], strlen(with[which]->in[l]));
            form += 2;
        } else {
            append(out, size, form++, 1);
        }
    }
}

struct words words_fill(enum say what, const struct words *const *with, size_t count)
{
    struct words w;
    for (enum language l = ENGLISH; l < LANGUAGES; l++)
        fill(w.in[l], sizeof w.in[l], table[what][l], l, with, count);
    return w;
}

/* Digits grouped by three from the right, and the point. */
static void group(const char *digits, const char *thousands, const char *point, char *out,
                  size_t size)
{
    size_t whole = strspn(digits, "0123456789");
    out[0] = '\0';
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && whole > 4 && (whole - i) % 3 == 0)
            append(out, size, thousands, strlen(thousands));
        append(out, size, digits + i, 1);
    }
    if (digits[whole] != '.') return;
    append(out, size, point, strlen(point));
    append(out, size, digits + whole + 1, strlen(digits + whole + 1));
}

static struct words grouped(double value, int decimals)
{
    char digits[64];
    const char *minus = value < 0 ? "−" : "";
    struct words w, g;
    (void)snprintf(digits, sizeof digits, "%.*f", decimals, fabs(value));
    if (strchr(digits, '.')) { /* 2.50 is 2.5, 3.00 is 3 */
        size_t len = strlen(digits);
        while (digits[len - 1] == '0')
            digits[--len] = '\0';
        if (digits[len - 1] == '.') digits[len - 1] = '\0';
    }
    if (strcmp(digits, "0") == 0) minus = "";
    group(digits, ",", ".", g.in[ENGLISH], sizeof g.in[ENGLISH]);
    group(digits, "\u202f", ",", g.in[FRENCH], sizeof g.in[FRENCH]);
    for (enum language l = ENGLISH; l < LANGUAGES; l++) {
        w.in[l][0] = '\0';
        append(w.in[l], sizeof w.in[l], minus, strlen(minus));
        append(w.in[l], sizeof w.in[l], g.in[l], strlen(g.in[l]));
    }
    return w;
}

#define BEYOND 1e15 /* more is written as a power of ten */

static struct words not_plain(double value)
{
    char text[32];
    if (!isfinite(value)) return words_plain(isnan(value) ? "–" : value < 0 ? "−∞" : "∞");
    (void)snprintf(text, sizeof text, "%.2e", value);
    return words_plain(text);
}

struct words words_number(double value)
{
    double size = fabs(value);
    if (!isfinite(value) || size >= BEYOND || (size > 0 && size < 1e-6)) return not_plain(value);
    int decimals = size > 0 ? 2 - (int)floor(log10(size)) : 0;
    return grouped(value, decimals > 0 ? decimals : 0);
}

struct words words_count(double value)
{
    if (!isfinite(value) || fabs(value) >= BEYOND) return not_plain(value);
    return grouped(value, 0);
}

struct words words_capital(struct words w)
{
    for (enum language l = ENGLISH; l < LANGUAGES; l++) {
        char *c = w.in[l];
        bool symbol = c[0] != '\0' && strchr("0123456789", c[1]); /* p99 */
        if (c[0] >= 'a' && c[0] <= 'z' && !symbol) c[0] = (char)(c[0] - 'a' + 'A');
        else if (strncmp(c, "é", 2) == 0) memcpy(c, "É", 2);
    }
    return w;
}

struct words words_unit(const char *english)
{
    static const char *const units[][LANGUAGES] = {
        {"bytes", "octets"},
        {"packets", "paquets"},
        {"items", "articles"},
        {"items/s", "articles/s"},
        {"bytes/item", "octets/article"},
        {"packets/item", "paquets/article"},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i][ENGLISH], english) == 0)
            return words_both(units[i][ENGLISH], units[i][FRENCH]);
    return words_plain(english);
}
