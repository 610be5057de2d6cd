#include "common/text.h"
#include "publisher/html_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "publisher/html_entity.h"
#include "publisher/plain_text.h"

struct text_case {
    const char *from, *is;
};

static void check(const struct text_case *cases, size_t count,
                  void (*convert)(struct buf *, const char *, size_t))
{
    for (size_t i = 0; i < count; i++) {
        struct buf out = {0};
        convert(&out, cases[i].from, strlen(cases[i].from));
        assert_true(buf_ok(&out));
        const char *got = out.data ? out.data : "";
        if (strcmp(got, cases[i].is) != 0)
            fail_msg("\"%s\":\n\"%s\", not\n\"%s\"", cases[i].from, got, cases[i].is);
        buf_deinit(&out);
    }
}

#define CHECK(cases, convert) check(cases, sizeof(cases) / sizeof *(cases), convert)

static void blocks_make_lines_and_paragraphs(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"<p>One</p><p>Two</p>", "One\n\nTwo"},
        {"<p>One<p>Two", "One\n\nTwo"},
        {"<div>One</div><div>Two</div>", "One\nTwo"},
        {"One<br>Two<br/>Three<BR />Four", "One\nTwo\nThree\nFour"},
        {"One<br><br>Two<br> <br>Three", "One\n\nTwo\n\nThree"},
        {"<h2>Head</h2>Text<blockquote>Said</blockquote>more", "Head\n\nText\n\nSaid\n\nmore"},
        {"<ul><li>One</li><li>Two</li></ul>After", "• One\n• Two\n\nAfter"},
        {"Before<ol><li>One<ul><li>Inner</ul><li>Two</ol>", "Before\n\n• One\n• Inner\n• Two"},
        {"<ul><li><p>One</p></li><li></li></ul>x", "• One\n\nx"},
        {"<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A B\n1 2"},
        {"<pre>one\n  two\n\nthree</pre>four\nfive", "one\ntwo\n\nthree\n\nfour five"},
        {"<p></p><p> </p>", ""},
        {"a<hr>b", "a\n\nb"},
    };
    CHECK(cases, html_to_text);
}

static void white_space_is_folded(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"  a \t b\r\n c  ", "a b c"},
        {"a&nbsp;&nbsp; b", "a b"},
        {"<b>a</b> <i>b</i>c", "a bc"},
        {"a\xC2\xA0"
         "b<br>\xC2\xA0",
         "a b"},
        {"hy\xC2\xADphen zero\xE2\x80\x8Bwidth", "hyphen zerowidth"},
        {"line\xE2\x80\xA8separator", "line separator"},
        {"seven b bb bbb  bbbb end ", "seven b bb bbb bbbb end"},
        {"plain text\n\nof two paragraphs\nand lines", "plain text\n\nof two paragraphs and lines"},
        {"<p>markup\n\nfolds</p>", "markup folds"},
        {"", ""},
        {" ", ""},
    };
    CHECK(cases, html_to_text);
}

static void what_is_not_text_is_dropped(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"a<script>var x = \"</b>\";</script>b", "ab"},
        {"a<style>p > b { }</style>b<iframe src=x>no frames</iframe>c", "abc"},
        {"a<SCRIPT type='x'>1 < 2</SCRIPT >b", "ab"},
        {"a<script src='x'/>b", "ab"},
        {"a<img src='x' alt='not shown'>b", "ab"},
        {"a<!-- <p>no</p> -->b<!doctype x>c<?php echo 1 ?>d", "abcd"},
        {"a<a title='1 > 0' href=\"x>y\">link</a>b", "alinkb"},
        {"a<a href=\"unclosed>link</a>b", "alinkb"},
        {"a<unknown x=1>b</unknown>c", "abc"},
        {"a<p", "a"},
        {"text cut <a href=", "text cut"},
        {"text cut <!-- in a comment", "text cut"},
        {"a</>b</ >c", "a</>b</ >c"},
        {"<noscript><img></noscript>x", "x"},
        {"a\x7F\x01"
         "b",
         "ab"},
    };
    CHECK(cases, html_to_text);
}

static void what_only_looks_like_markup_stays(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"a < b and b > c", "a < b and b > c"},
        {"5 <3 you", "5 <3 you"},
        {"AT&T, R&D; Q&A", "AT&T, R&D; Q&A"},
        {"a <b", "a"},
        {"x <y and z", "x <y and z"},
        {"?a=1&copy=2&lang=de", "?a=1&copy=2&lang=de"},
        {"&", "&"},
        {"&;&#;&#x;&#xZ;", "&;&#;&#x;&#xZ;"},
    };
    CHECK(cases, html_to_text);
}

static void references_are_decoded(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"&lt;p&gt; &amp;amp; &quot;&apos;", "<p> &amp; \"'"},
        {"&eacute;&Eacute;&hellip;&euro;&rsquo;", "éÉ…€’"},
        {"&#233;&#xE9;&#XE9;&#x1F600;", "ééé😀"},
        {"It&#146;s &#150; cp1252 &#128;", "It’s – cp1252 €"},
        {"It\xC2\x92s raw", "It’s raw"},
        {"&#0;&#xD800;&#x110000;&#99999999999;", "\uFFFD\uFFFD\uFFFD\uFFFD"},
        {"&#10;a&#9;b&#1;", "a b"},
        {"caf&eacute au lait &copy 2020", "café au lait © 2020"},
        {"&hellip no &unknown; &notaname", "&hellip no &unknown; &notaname"},
        {"e\xCC\x81 o\xCC\x88", "é ö"}, /* NFC */
        {"&#101;&#769;", "é"},
    };
    CHECK(cases, html_to_text);
}

static void titles_are_one_line_of_plain_text(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"Plain", "Plain"},
        {" two\n  lines ", "two lines"},
        {"a < b", "a < b"},
        {"AT&T", "AT&T"},
        {"AT&amp;T", "AT&T"},
        {"5 <3 you", "5 <3 you"},
        {"5 &lt;3 you", "5 <3 you"},
        {"<b>Bold</b> &amp; <i>italic</i>", "Bold & italic"},
        {"&lt;b&gt;Bold&lt;/b&gt;", "Bold"},
        {"Don&amp;#8217;t", "Don’t"},
        {"Don&#8217;t", "Don’t"},
        {"&amp;amp;", "&"},
        {"Fish &amp;amp; chips", "Fish & chips"},
        {"One<br/>two", "One two"},
        {"A vector<int> in C++", "A vector<int> in C++"},
        {"#include <stdio.h>", "#include <stdio.h>"},
        {"How to use the <b> tag", "How to use the <b> tag"},
        {"<a href='x'>Linked</a> title", "Linked title"},
        {"<span class=\"x\">Unclosed", "Unclosed"},
        {"<![CDATA[kept]]>", ""},
        {"x<!-- y -->z", "xz"},
        {"Me&nbsp;&amp;nbsp;you", "Me you"},
        {"e\xCC\x81", "é"},
        {"", ""},
    };
    CHECK(cases, html_title);
}

static void plain_titles_keep_their_tags(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"The <b>bold</b> tag", "The <b>bold</b> tag"},
        {"Don&#8217;t", "Don’t"},
        {"a  b", "a b"},
    };
    CHECK(cases, html_plain_title);
}

static void markup_is_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } cases[] = {
        {"plain", false}, {"a < b", false},    {"AT&T", false},  {"<p>x", true},
        {"x<br/>", true}, {"a &amp; b", true}, {"<int>", false}, {"<!-- x -->", true},
        {"a & b", false}, {"</p>", true},      {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (html_has_markup(cases[i].text, strlen(cases[i].text)) != cases[i].is)
            fail_msg("\"%s\"", cases[i].text);
    }
}

static void plain_keep(struct buf *out, const char *text, size_t len)
{
    plain_write(out, text, len, PLAIN_KEEP);
}

static void plain_text_keeps_its_lines(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"a\nb\n\n\n\nc\n", "a\nb\n\nc"},
        {"a\r\nb\r\n\r\nc", "a\nb\n\nc"},
        {"  a  b \n \n c ", "a b\n\nc"},
        {"<b>&amp;", "<b>&amp;"},
    };
    CHECK(cases, plain_keep);
}

/* plain_text.c normalises only what is not made of quiet characters alone: those must be in NFC
 * whatever stands before them. */
static void no_quiet_character_needs_normalising(void **state)
{
    (void)state;
    for (uint32_t c = 0x21; c < 0x20000; c++) {
        char text[8] = "x", lone[5] = "";
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        lone[text_encode(c, lone)] = '\0';
        strcat(text, lone);
        utf8proc_uint8_t *nfc = utf8proc_NFC((const utf8proc_uint8_t *)text);
        struct buf out = {0};
        assert_non_null(nfc);
        plain_write(&out, text, strlen(text), PLAIN_KEEP);
        /* What is hidden or white is another rule's; the rest must come out as NFC has it. */
        if (out.len > 1 && !(c >= 0x7F && c < 0xA0) && strcmp(out.data, (const char *)nfc) != 0)
            fail_msg("U+%04X", c);
        buf_deinit(&out);
        free(nfc);
    }
}

static double seconds_for(const char *unit, size_t times)
{
    struct buf in = {0}, out = {0};
    for (size_t i = 0; i < times; i++)
        buf_puts(&in, unit);
    clock_t start = clock();
    html_to_text(&out, in.data, in.len);
    html_title(&out, in.data, in.len);
    (void)html_has_markup(in.data, in.len);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_true(buf_ok(&out));
    buf_deinit(&in);
    buf_deinit(&out);
    return seconds;
}

/* 200 kB each: a quadratic pass over any of them takes a minute, a linear one milliseconds. */
static void hostile_html_takes_linear_time(void **state)
{
    (void)state;
    static const char *const units[] = {
        "<",    "<a",       "<a href=\"", "<x a=\"<x a='", "&",
        "&amp", "<!--",     "<script>",   "<div>",         "<ul><li>",
        "</",   "<object>", "<x =\">'",   "<b>&#x41;",     "e\xCC\x81",
        "<!",   "\"'=",     "\xCC\x81",   "<iframe/>",     "&lt;&gt;&amp;",
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double seconds = seconds_for(units[i], 200000 / strlen(units[i]));
        if (seconds > 3) fail_msg("\"%s\" took %.1f s", units[i], seconds);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_make_lines_and_paragraphs),
        cmocka_unit_test(white_space_is_folded),
        cmocka_unit_test(what_is_not_text_is_dropped),
        cmocka_unit_test(what_only_looks_like_markup_stays),
        cmocka_unit_test(references_are_decoded),
        cmocka_unit_test(titles_are_one_line_of_plain_text),
        cmocka_unit_test(plain_titles_keep_their_tags),
        cmocka_unit_test(markup_is_recognised),
        cmocka_unit_test(plain_text_keeps_its_lines),
        cmocka_unit_test(no_quiet_character_needs_normalising),
        cmocka_unit_test(hostile_html_takes_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
