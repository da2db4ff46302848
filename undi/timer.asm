; Short waits with interrupts off: counter 0 of the 8254, which a BIOS runs in mode 2 or 3.
; Mode 3 counts by two: the unit is half a clock.
%include "driver.inc"
%include "lib.inc"

global timer_start:function
global timer_expired:function
global timer_wait:function

PIT_UNITS_MS    equ PIT_UNITS_SECOND / 1000
TIMER_CALLS_MS  equ 4096        ; more reads than a machine can do in 1 ms: the end, if the PIT stands

BSS undi_timer
timer_left:     resd 1          ; units
timer_calls:    resd 1
timer_last:     resw 1

CODE undi_timer
;---------------------------------------------------------------------------
; timer_start - begin to wait
; in:       CX = milliseconds, below 1,000
; out:      nothing
; clobbers: EAX, ECX, EDX, flags
; needs:    timer_expired at least every 25 ms
;---------------------------------------------------------------------------
timer_start:
        movzx   ecx, cx
        imul    eax, ecx, PIT_UNITS_MS
        mov     [timer_left], eax
        shl     ecx, 12
%if TIMER_CALLS_MS != 1 << 12
  %error timer_start shifts by 12
%endif
        mov     [timer_calls], ecx
        call    timer_read
        mov     [timer_last], ax
        ret

;---------------------------------------------------------------------------
; timer_read - counter 0
; in:       nothing
; out:      AX = count, which goes down; DL = status
; clobbers: AX, DL, flags
;---------------------------------------------------------------------------
timer_read:
        mov     al, PIT_READ_BACK
        out     PIT_CONTROL, al
        in      al, PIT_COUNTER0
        mov     dl, al
        in      al, PIT_COUNTER0
        mov     ah, al
        in      al, PIT_COUNTER0
        xchg    al, ah
        ret

;---------------------------------------------------------------------------
; timer_expired - is the wait over?
; in:       nothing
; out:      CF = 1: it is
; clobbers: EAX, flags
;---------------------------------------------------------------------------
timer_expired:
        push    dx
        call    timer_read
        xchg    [timer_last], ax
        sub     ax, [timer_last]
        movzx   eax, ax
        test    dl, PIT_STATUS_SQUARE
        jnz     .units
        add     eax, eax
.units:
        pop     dx
        sub     [timer_left], eax
        jb      .done
        sub     dword [timer_calls], 1
.done:
        ret

;---------------------------------------------------------------------------
; timer_wait - wait
; in:       CX = milliseconds, below 1,000
; out:      nothing
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
timer_wait:
        call    timer_start
.more:
        call    timer_expired
        jnc     .more
        ret
