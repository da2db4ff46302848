; Headers of the tiny ROM.
%include "romgen.inc"
extern rom_blocks, rom_resident_blocks, undi_code_size, undi_data_size, boot, loader

section .header progbits alloc exec nowrite align=16
        dw      0xAA55
        db      rom_blocks
        jmp     near start
        times 0x16 - ($ - $$) db 0
        dw      undi_id, pcir_here, pnp_here
pcir_here:
        db      "PCIR"
        dw      PCI_VENDOR, PCI_DEVICE, 0, pcir_size
        db      3, 0, 0, 2
        dw      rom_blocks, VERSION_WORD
        db      0, 0x80
        dw      rom_resident_blocks, 0, 0
        align 16, db 0
pnp_here:
        db      "$PnP", 1, pnp_size / 16
        dw      0
        db      0, 0
        dd      0
        dw      manufacturer, product
        db      0, 0, 2, 0xF4
        dw      boot * BOOT_BCV, 0, 0, 0, 0
undi_id:
        db      "UNDI", undi_rom_id_size, 0, 0, 0, 1, 2
        dw      loader, 256, undi_data_size, undi_code_size
        db      "PCIR"
manufacturer:
        db      MANUFACTURER, 0
product:
        db      PRODUCT, 0
start:
        retf
