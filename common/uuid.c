#include "common/uuid.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void format(unsigned char b[16], unsigned version, char out[UUID_URN_SIZE])
{
    b[6] = (unsigned char)((b[6] & 0x0f) | version << 4);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    size_t used = (size_t)snprintf(out, UUID_URN_SIZE, "urn:uuid:");
    for (size_t i = 0; i < 16; i++) {
        const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        used += (size_t)snprintf(out + used, UUID_URN_SIZE - used, "%s%02x", dash, b[i]);
    }
}

void uuid_random(char out[UUID_URN_SIZE])
{
    unsigned char b[16] = {0};
    (void)!getrandom(b, sizeof b, 0); /* 16 bytes never come short once the pool is up */
    format(b, 4, out);
}

void uuid_of_names(const char *const *names, size_t count, char out[UUID_URN_SIZE])
{
    /* The name space is itself a uuid, drawn once for Newswire. */
    static const unsigned char space[16] = {0x6e, 0x1b, 0x52, 0x0f, 0x7a, 0x3d, 0x4c, 0x85,
                                            0x9f, 0x20, 0x3c, 0xd4, 0x11, 0xaa, 0x57, 0xe2};
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL)) {
        EVP_DigestUpdate(ctx, space, sizeof space);
        for (size_t i = 0; i < count; i++) /* the NUL parts the texts; 0x01 is no text at all */
            EVP_DigestUpdate(ctx, names[i] ? names[i] : "\x01",
                             names[i] ? strlen(names[i]) + 1 : 2);
        EVP_DigestFinal_ex(ctx, digest, NULL);
    }
    EVP_MD_CTX_free(ctx);
    format(digest, 5, out);
}
