; The bootstrap entry vector: connect to the target and boot from it, or return for the next device.
; In layouts with boot = "BEV" only.
%include "romgen.inc"
%include "rom.inc"

global bev_main:function

extern bcv_caller, bcv_close_undi, bcv_keep, bcv_open
extern error_print
extern ev_boot_mode
extern int13_busy, int13_drive, int13_remove
extern int15_uninstall
extern iscsi_close
extern memory_release
extern stack_top

BOOT_SECTOR     equ 7C00h
BOOT_SIGNATURE  equ 0AA55h
SIGNATURE_AT    equ 510
READ_ONE        equ 0201h       ; INT 13h: read, one sector
FIRST_SECTOR    equ 0001h       ; CX: cylinder 0, sector 1
FLAGS_IF        equ 200h

INITCODE bev
;---------------------------------------------------------------------------
; bev_main [far] - bootstrap entry vector, called by the BIOS when it is our turn to boot (rom_run)
; in:       GS = the ROM whose adapter it is, FS = the ROM whose code stays
; out:      returns where the disk cannot be booted: nothing has changed then; or where it is to be
;           attached only (BootMode): INT 13h serves it
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    a BIOS behind POST (no PMM, the ROM write-protected); 600 bytes of stack; who calls restores DS
;---------------------------------------------------------------------------
bev_main:
        call    bcv_open
        jc      .done
        mov     word [int13_busy], 0
        cmp     byte [ev_boot_mode], EV_MODE_BOOT
        jne     .done                   ; attached: the BIOS goes on to its next device
        push    0
        pop     es
        mov     ax, READ_ONE
        mov     bx, BOOT_SECTOR
        mov     cx, FIRST_SECTOR
        mov     dh, 0
        mov     dl, [int13_drive]
        int     13h
        jc      .no_sector
        cmp     word [es:BOOT_SECTOR + SIGNATURE_AT], BOOT_SIGNATURE
        jne     .no_sector
        movzx   edx, byte [int13_drive]
        xor     eax, eax                ; what a BIOS gives: all zero but DL, interrupts on
        mov     ds, ax
        mov     ss, ax
        mov     sp, BOOT_SECTOR
        mov     fs, ax
        mov     gs, ax
        push    FLAGS_IF
        push    ax
        push    word BOOT_SECTOR
        xor     ebx, ebx
        xor     ecx, ecx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        iret

.no_sector:
        mov     word [int13_busy], 1    ; the way down needs our stack again
        push    ds
        pop     ss
        mov     sp, stack_top
        mov     ax, ERR_BOOT_SECTOR
        call    error_print
        call    int15_uninstall
        call    int13_remove
        pushf
        call    iscsi_close
        call    bcv_close_undi
        popf
        lss     sp, [bcv_caller]
        pop     ax                      ; where bcv_open returned to
        jc      .done                   ; somebody has hooked INT 13h after us: the memory stays
        cmp     byte [bcv_keep], 0
        jne     .done
        call    memory_release
.done:
        retf
