/* Runs a fuzz target over the files of the directories that are named: its corpus, as a test. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static void replay(const char *path) {
    struct stat st;
    FILE *f = fopen(path, "re");
    PROPERTY(f && fstat(fileno(f), &st) == 0, "%s: %s", path, strerror(errno));
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1); /* no byte more: an overrun is seen */
    PROPERTY(data && fread(data, 1, size, f) == size, "%s can't be read", path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static size_t replay_dir(const char *dir) {
    size_t n = 0;
    char path[4096];
    DIR *d = opendir(dir);
    PROPERTY(d, "%s: %s", dir, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(d));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        fprintf(stderr, "%s\n", path);
        replay(path);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    size_t n = 0;
    for (int i = 1; i < argc; i++) n += replay_dir(argv[i]);
    fprintf(stderr, "%zu inputs\n", n);
    return n ? 0 : 1; /* a corpus that got lost is no success */
}
