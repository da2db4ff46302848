; A boot program that calls nothing for a while, as a menu does, and then reads one sector.
;   @fact idle                  from here on only HLT
;   @fact read AX TICKS         what the read gave, and how long it took (18.2 ticks a second)
; More defines than guest.inc has: IDLE_TICKS.

%include "guest.inc"
GUEST_BEGIN

BUFFER          equ 0x20000

main:
        call    report_begin
        PUT     "@fact idle"
        call    put_line
        push    BDA
        pop     fs
        mov     ebx, [fs:BDA_TICKS]
        add     ebx, IDLE_TICKS
.idle:
        hlt
        mov     eax, [fs:BDA_TICKS]     ; midnight costs this run: it never ends, and QEMU is stopped
        cmp     eax, ebx
        jb      .idle
        mov     dl, [boot_drive]
        mov     ax, BUFFER >> 4
        mov     es, ax
        xor     bx, bx
        mov     ax, 0x0201
        mov     cx, 1
        mov     dh, 0
        mov     esi, [fs:BDA_TICKS]
        int     0x13
        mov     edi, [fs:BDA_TICKS]
        sub     edi, esi
        push    0
        pop     es
        push    ax
        PUT     "@fact read "
        pop     ax
        call    put_hex16
        PUT     " "
        mov     eax, edi
        call    put_dec
        call    put_line
        mov     si, name_idle
        call    report_ok
        jmp     report_done

name_idle:      db "idle", 0

%include "report.inc"

GUEST_END
