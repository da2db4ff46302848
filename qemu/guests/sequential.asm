; A boot program that reads its disk from the pattern's first sector to the end, in the largest
; pieces that a BIOS takes, and compares every byte.
;   @fact ready                 the host may begin to disturb
;   @fact sequential SECTORS TICKS   at the end: what was read, in how many ticks (18.2 a second)
; Check: "contents". More defines than guest.inc has: PATTERN_*, as for check.asm.

%include "guest.inc"
GUEST_BEGIN

BUFFER          equ 0x20000
PIECE           equ 127                 ; blocks in one read (EDD 3.0)
DAY_TICKS       equ 0x1800B0

VARIABLES
begin:          resd 1
block:          resd 1
packet_at:      resb 16
CODE

main:
        call    report_begin
        call    pattern_init
        PUT     "@fact ready"
        call    put_line
        call    ticks
        mov     [begin], eax
        mov     dword [block], PATTERN_FIRST
.next:
        mov     ecx, DISK_SECTORS
        sub     ecx, [block]
        jz      .done
        cmp     ecx, PIECE
        jbe     .piece
        mov     ecx, PIECE
.piece:
        mov     di, packet_at           ; disk address packet
        shl     ecx, 16
        mov     cx, 16
        mov     [di], ecx
        mov     dword [di + 4], (BUFFER >> 4) << 16
        mov     eax, [block]
        mov     [di + 8], eax
        mov     dword [di + 12], 0
        mov     ah, 0x42
        mov     dl, [boot_drive]
        mov     si, packet_at
        int     0x13
        sti
        mov     si, name_contents
        jc      .failed
        movzx   ecx, word [packet_at + 2]
        mov     eax, [block]
        mov     edx, BUFFER
        call    pattern_check
        jc      .contents
        add     [block], ecx
        jmp     .next
.done:
        call    ticks
        sub     eax, [begin]
        jnc     .same_day
        add     eax, DAY_TICKS
.same_day:
        push    eax
        PUT     "@fact sequential "
        mov     eax, DISK_SECTORS - PATTERN_FIRST
        call    put_dec
        PUT     " "
        pop     eax
        call    put_dec
        call    put_line
        mov     si, name_contents
        call    report_ok
        jmp     report_done
.failed:
        push    ax
        call    report_fail
        PUT     "status="
        pop     ax
        call    put_hex16
        jmp     .where
.contents:
        call    report_fail
        mov     eax, [pattern_bad]
        mov     [block], eax
.where:
        PUT     " sector="
        mov     eax, [block]
        call    put_dec
        call    put_line
        jmp     report_done

%include "clock.inc"

name_contents:  db "contents", 0

%include "report.inc"
%include "pattern.inc"

GUEST_END
