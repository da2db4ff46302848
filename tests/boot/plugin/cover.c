/* QEMU TCG plugin: which instructions of the option-ROM area were translated, that is, ran.
 *
 * Arguments: dir=FOLDER. At the end FOLDER/cover-<pid>.txt gets one hexadecimal linear address a
 * line. Debian ships no header for plugins, so the few functions that are used are declared here;
 * interface: QEMU docs/devel/tcg-plugins.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WINDOW 0xC0000u
#define SIZE 0x20000u
#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;

extern void qemu_plugin_register_vcpu_tb_trans_cb(
    plugin_id id, void (*callback)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_atexit_cb(
    plugin_id id, void (*callback)(plugin_id, void *), void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

static unsigned char seen[SIZE];
static char folder[4096] = ".";

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t n = 0; n < qemu_plugin_tb_n_insns(tb); n++) {
        uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, n));
        if (address >= WINDOW && address < WINDOW + SIZE)
            seen[address - WINDOW] = 1;
    }
}

static void ended(plugin_id id, void *data)
{
    char path[4200];
    (void)id;
    (void)data;
    snprintf(path, sizeof path, "%s/cover-%d.txt", folder, (int)getpid());
    FILE *out = fopen(path, "w");
    if (!out)
        return;
    for (uint32_t n = 0; n < SIZE; n++)
        if (seen[n])
            fprintf(out, "%x\n", WINDOW + n);
    fclose(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int n = 0; n < argc; n++)
        if (!strncmp(argv[n], "dir=", 4))
            snprintf(folder, sizeof folder, "%s", argv[n] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, 0);
    return 0;
}
