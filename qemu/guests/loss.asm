; A boot program that keeps reading while the host takes the target away and gives it back: what
; the caller of INT 13h gets, and after how long.
;   @fact ready                 the host may begin
;   @fact failed AX TICKS       a call that failed, and how long it took (18.2 ticks a second)
;   @fact reads OK FAILED LONGEST   at the end
; Ends after GOOD_AFTER good reads behind a failure, after QUIET_TICKS without any failure, or
; after LIMIT_TICKS. More defines than guest.inc has: PATTERN_*, as for check.asm.

%include "guest.inc"
GUEST_BEGIN

BUFFER          equ 0x20000
PIECE           equ 8                   ; blocks in one read
STRIDE          equ 41                  ; from read to read, so that nothing comes out of a cache
SPAN            equ 1000                ; blocks that are read from
GOOD_AFTER      equ 8
DAY_TICKS       equ 0x1800B0

VARIABLES
reads_good:     resd 1
reads_bad:      resd 1
good_after:     resd 1
longest:        resd 1
begin:          resd 1
before:         resd 1
block:          resd 1
packet_at:      resb 16
CODE

main:
        call    report_begin
        call    pattern_init
        call    ticks
        mov     [begin], eax
        PUT     "@fact ready"
        call    put_line
.next:
        mov     eax, [block]
        add     eax, STRIDE
        cmp     eax, SPAN
        jb      .block
        sub     eax, SPAN
.block:
        mov     [block], eax
        add     eax, PATTERN_FIRST
        mov     di, packet_at           ; disk address packet
        mov     dword [di], PIECE << 16 | 16
        mov     dword [di + 4], (BUFFER >> 4) << 16
        mov     [di + 8], eax
        mov     dword [di + 12], 0
        call    ticks
        mov     [before], eax
        mov     ah, 0x42
        mov     dl, [boot_drive]
        mov     si, packet_at
        int     0x13
        sti
        pushf
        push    ax
        call    ticks
        mov     edx, [before]
        call    elapsed
        cmp     eax, [longest]
        jbe     .not_longest
        mov     [longest], eax
.not_longest:
        mov     edx, eax
        pop     ax
        popf
        jc      .failed
        inc     dword [reads_good]
        mov     eax, [packet_at + 8]
        mov     cx, PIECE
        mov     edx, BUFFER
        call    pattern_check
        jc      .contents
        cmp     dword [reads_bad], 0
        je      .quiet
        inc     dword [good_after]
        cmp     dword [good_after], GOOD_AFTER
        je      .done
.quiet:
        call    ticks
        mov     edx, [begin]
        call    elapsed
        cmp     eax, QUIET_TICKS
        jb      .next
        cmp     dword [reads_bad], 0
        je      .done
        cmp     eax, LIMIT_TICKS
        jb      .next
.done:
        PUT     "@fact reads "
        mov     eax, [reads_good]
        call    put_dec
        PUT     " "
        mov     eax, [reads_bad]
        call    put_dec
        PUT     " "
        mov     eax, [longest]
        call    put_dec
        call    put_line
        mov     si, name_contents
        call    report_ok
        jmp     report_done
.failed:
        inc     dword [reads_bad]
        and     dword [good_after], 0
        PUT     "@fact failed "
        call    put_hex16
        PUT     " "
        mov     eax, edx
        call    put_dec
        call    put_line
        jmp     .quiet
.contents:
        mov     si, name_contents
        call    report_fail
        PUT     "sector="
        mov     eax, [pattern_bad]
        call    put_dec
        call    put_line
        jmp     report_done

%include "clock.inc"

;---------------------------------------------------------------------------
; elapsed - ticks between two readings of the clock, over midnight, too
; in:       EAX = later, EDX = earlier
; out:      EAX = difference
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
elapsed:
        sub     eax, edx
        jnc     .done
        add     eax, DAY_TICKS
.done:
        ret

name_contents:  db "contents", 0

%include "report.inc"
%include "pattern.inc"

GUEST_END
