/* Log lines as they reach standard error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sync.h"
#include "testing.h"

static int saved_stderr;
static FILE *captured;

static void capture(void) {
    captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

/* What was written since capture(). */
static char *release(struct arena *a) {
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    long n = lseek(fileno(captured), 0, SEEK_END);
    char *text = arena_alloc(a, (size_t)n + 1);
    ck_assert_int_eq(pread(fileno(captured), text, (size_t)n, 0), n);
    fclose(captured);
    return text;
}

START_TEST(json_lines) {
    ARENA_AUTO struct arena *a = arena_new();
    capture();
    log_msg(LOG_INFO, "/src/dir/file.c:12", "hello", "key", "value", "none", NULL, (char *)0);
    char *line = release(a);
    char want[] = "{\"level\":\"INFO\",\"time\":\"####-##-##T##:##:##.###Z\",\"caller\":\"dir/file.c:12\",\"message\":\"hello\","
                  "\"key\":\"value\",\"none\":null}\n";
    ck_assert_uint_eq(strlen(line), strlen(want));
    for (size_t i = 0; want[i]; i++)
        ck_assert_msg(want[i] == '#' ? line[i] >= '0' && line[i] <= '9' : line[i] == want[i], "%s", line);
}
END_TEST

START_TEST(any_bytes_stay_one_valid_line) {
    ARENA_AUTO struct arena *a = arena_new();
    capture();
    log_msg(LOG_ERROR, "x.c:1", "a\"b\\c\n\r\t\x01\x7f", "k\n",
            "\xc3\xa9 \xff \xc3 \xed\xa0\x80 \xf0\x9f\x98\x80 \xc0\x80 \xf4\x90\x80\x80", (char *)0);
    char *line = release(a);
    const char *want = "\"message\":\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f\",\"k\\n\":\"\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd "
                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xf0\x9f\x98\x80 \xef\xbf\xbd\xef\xbf\xbd "
                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n";
    ck_assert_msg(strstr(line, want) != NULL, "%s", line);
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(levels_and_errno) {
    ARENA_AUTO struct arena *a = arena_new();
    capture();
    log_set_level(LOG_WARN);
    errno = EXDEV;
    log_debug("no");
    log_info("no");
    log_warn("yes");
    log_error("yes", "k", "v");
    int kept = errno;
    log_set_level(LOG_DEBUG);
    log_debug("yes");
    log_set_level(LOG_INFO);
    char *text = release(a);
    ck_assert_int_eq(kept, EXDEV);
    ck_assert_ptr_null(strstr(text, "\"no\""));
    ck_assert_ptr_nonnull(strstr(text, "\"WARN\""));
    ck_assert_ptr_nonnull(strstr(text, "\"ERROR\""));
    ck_assert_ptr_nonnull(strstr(text, "\"DEBUG\""));
    ck_assert_ptr_nonnull(strstr(text, "\"caller\":\"base_log_test.c:"));
}
END_TEST

START_TEST(console_lines) {
    ARENA_AUTO struct arena *a = arena_new();
    capture();
    log_set_console(true);
    log_msg(LOG_WARN, "f.c:3", "two words", "a", "b", "c", "d e", "n", NULL, "empty", "", "inject", "x\nERROR", (char *)0);
    log_set_console(false);
    char *text = release(a);
    ck_assert_msg(strstr(text, "Z WARN  f.c:3  two words a=b c=\"d e\" n=null empty=\"\" inject=\"x\\nERROR\"\n") != NULL, "%s",
                  text);
}
END_TEST

static void *chatter(void *arg) {
    for (int i = 0; i < 500; i++) log_msg(LOG_INFO, "t.c:1", "from a thread", "who", (const char *)arg, (char *)0);
    return NULL;
}

START_TEST(lines_of_threads_do_not_mix) {
    ARENA_AUTO struct arena *a = arena_new();
    char who[4][400];
    pthread_t t[4];
    capture();
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    fcntl(STDERR_FILENO, F_SETFL, flags | O_APPEND);
    for (int i = 0; i < 4; i++) {
        memset(who[i], 'a' + i, sizeof who[i] - 1);
        who[i][sizeof who[i] - 1] = '\0';
        t[i] = thread_start("chatter", chatter, who[i]);
    }
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    char *text = release(a);
    int lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        const char *value = strstr(line, "\"who\":\"");
        ck_assert_ptr_nonnull(value);
        value += 7;
        ck_assert_uint_eq(strspn(value, (char[]){value[0], '\0'}), 399);
        ck_assert_str_eq(value + 399, "\"}");
    }
    ck_assert_int_eq(lines, 2000);
}
END_TEST

TEST_MAIN("log", json_lines, any_bytes_stay_one_valid_line, levels_and_errno, console_lines, lines_of_threads_do_not_mix)
